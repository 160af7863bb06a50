/** What was written of a template and not saved, by its number (null: a new one): it is there again when one comes back to it. */

import type { TemplateAnswer } from "../../api/schema";

export type Draft = Pick<TemplateAnswer, "title" | "description" | "content" | "is_active" | "is_public">;

export const EMPTY: Draft = { title: "", description: null, content: "", is_active: true, is_public: false };

export const unsaved = new Map<number | null, Draft>();
