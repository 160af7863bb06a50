/** What was written of a template and not saved, by its number (null: a new one): it is there again when one comes back to it or reloads. */

import type { TemplateAnswer } from "../../api/schema";
import { Kept } from "../../stores/kept";

export type Draft = Pick<TemplateAnswer, "title" | "description" | "content" | "is_active" | "is_public">;

export const EMPTY: Draft = { title: "", description: null, content: "", is_active: true, is_public: false };

export const unsaved = new Kept<Draft>("template");
