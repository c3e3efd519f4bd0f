// Temporal's client speaks gRPC and waits by a long poll. This process is that client for the driver, which speaks
// HTTP: it starts a workflow and answers when it has ended. It belongs to the driver, so it is not counted.
// It also makes the namespace, which is the server's first duty.
import { Connection, Client, WorkflowFailedError } from "@temporalio/client";
import http from "node:http";
import { randomUUID } from "node:crypto";

const connection = await Connection.connect({ address: process.env.TEMPORAL });
const client = new Client({ connection, namespace: "default" });

async function makeNamespace() {
  await connection.workflowService.registerNamespace({
    namespace: "default", workflowExecutionRetentionPeriod: { seconds: 86400 },
  });
}

async function run(type, order) {
  try {
    return [200, await client.workflow.execute(type, {
      taskQueue: "sagas", workflowId: randomUUID(), args: [order],
    })];
  } catch (error) {
    const reason = error.cause?.cause?.message ?? error.message; // workflow, activity, what the activity threw
    return [error instanceof WorkflowFailedError ? 422 : 500, { error: reason }];
  }
}

function serve(request, response) {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", async () => {
    const [status, value] = await run(request.url.slice(1), JSON.parse(Buffer.concat(parts)));
    const text = JSON.stringify(value);
    response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
}

if (process.argv[2] === "namespace") {
  await makeNamespace();
  process.exit(0);
}
http.createServer({ keepAliveTimeout: 600000 }, serve).listen(Number(process.env.PORT), "127.0.0.1");
