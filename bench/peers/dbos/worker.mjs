// The saga on DBOS: a workflow whose steps are `DBOS.runStep`; its compensations are steps too. DBOS is a library,
// so the process that runs the workflows is the application's own: it takes the start by HTTP, runs the workflow
// here and answers when it has ended. That server is the leanest of Node; what it costs is measured by POST /nothing
// and told beside the results.
import { DBOS } from "@dbos-inc/dbos-sdk";
import http from "node:http";
import { post, Refused } from "./step.mjs";

const step = (name, path, order) => DBOS.runStep(() => post(path, order), {
  name, retriesAllowed: true, shouldRetry: (error) => !(error instanceof Refused),
});

const sagaWith = (name, paymentPath) => DBOS.registerWorkflow(async (order) => {
  const compensations = [];
  try {
    compensations.push(() => step("order-undo", "/order/undo", order));
    await step("order", "/order", order);
    compensations.push(() => step("stock-undo", "/stock/undo", order));
    await step("stock", "/stock", order);
    return await step("payment", paymentPath, order);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    for (const compensation of compensations.reverse()) await compensation();
    throw error;
  }
}, { name });

const routes = {
  "/complete": sagaWith("complete", "/payment"),
  "/compensate": sagaWith("compensate", "/payment/refused"),
  "/nothing": async () => ({ ok: true }),
};

function answer(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function serve(request, response) {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const route = routes[request.url]; // called as a plain function: a `this` would be taken for an instance
    route(JSON.parse(Buffer.concat(parts))).then(
      (output) => answer(response, 200, output),
      (error) => answer(response, error instanceof Refused ? 422 : 500, { error: error.message }),
    );
  });
}

// A refused step is logged with two stack traces, which is not what is measured.
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
DBOS.setConfig({ name: "bench-peers", systemDatabaseUrl: process.env.DATABASE, logger: quiet });
await DBOS.launch();
const server = http.createServer({ keepAliveTimeout: 600000 }, serve);
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
