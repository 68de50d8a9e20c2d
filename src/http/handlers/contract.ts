import { renderDocs } from "../docs.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

export function contractHandlers({ document }: HandlerContext): Pick<Handlers, "getOpenapi" | "getDocs"> {
  let page: string | undefined;
  return {
    getOpenapi: async () => ({ ...document, info: { ...document.info }, paths: { ...document.paths } }),
    async getDocs() {
      page ??= renderDocs(document);
      return page;
    },
  };
}
