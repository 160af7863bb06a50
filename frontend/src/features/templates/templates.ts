/** Templates as server data: what changes them. */

import { useMutation, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import { refresh } from "../../api/refresh";
import type { NewTemplate, TemplateAnswer, TemplateFile } from "../../api/schema";
import { notices } from "../../stores/notices";
import { words } from "../../words";

/** Makes a new one, or changes one that is there. */
export function useSaveTemplate(id: number | null) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (template: NewTemplate): Promise<TemplateAnswer> =>
      answered(
        id === null
          ? api.POST("/api/templates", { body: template })
          : api.PATCH("/api/templates/{template_id}", { params: { path: { template_id: id } }, body: template }),
      ),
    onSuccess: ({ version }) => {
      notices.show(words.templates.saved(version));
      return refresh(queries, ["templates"]);
    },
  });
}

export function useDeleteTemplate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => answered(api.DELETE("/api/templates/{template_id}", { params: { path: { template_id: id } } })),
    onSuccess: () => refresh(queries, ["templates"]),
  });
}

export function useImportTemplates() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (file: File) => {
      let body: TemplateFile;
      try {
        body = JSON.parse(await file.text()) as TemplateFile;
      } catch {
        throw new Error(words.templates.notJson(file.name));
      }
      return answered(api.POST("/api/templates/import", { body }));
    },
    onSuccess: () => refresh(queries, ["templates"]),
  });
}

/** Begins a conversation with it, and gives its number. */
export function useTryTemplate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, variables }: { id: number; variables: Record<string, string> }) =>
      answered(api.POST("/api/chatbot/sessions", { body: { template_id: id, variables } })),
    onSuccess: () => refresh(queries, ["sessions"]),
  });
}
