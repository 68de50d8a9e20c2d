import { createServer, type IncomingMessage } from "node:http";
import { answerParent } from "../child.ts";
import { type ContestantSettings, createRawPool, listen } from "./contestant.ts";
import { createReads } from "./reads.ts";

/** The least that an HTTP service can do: no routing, no validation, no log. */
answerParent<ContestantSettings>(async (settings) => {
  const reads = createReads(createRawPool(settings));
  const server = createServer(async (request, response) => {
    JSON.parse(await readText(request));
    const body = JSON.stringify(
      await (request.url === "/database/health" ? reads.health() : reads.schemas()),
    );
    response.writeHead(200, {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
    });
    response.end(body);
  });
  return listen(server);
});

function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.once("end", () => resolve(text));
    request.once("error", reject);
  });
}
