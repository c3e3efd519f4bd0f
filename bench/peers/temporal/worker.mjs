// The process that runs workflows and activities; counted as the engine's.
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { ApplicationFailure } from "@temporalio/activity";
import { fileURLToPath } from "node:url";
import { post as postOnce, Refused } from "./step.mjs";

async function post(path, order) {
  try {
    return await postOnce(path, order);
  } catch (error) {
    throw error instanceof Refused ? ApplicationFailure.nonRetryable(error.message, "Refused") : error;
  }
}

Runtime.install({ logger: new DefaultLogger("ERROR", () => {}), telemetryOptions: {} });
const connection = await NativeConnection.connect({ address: process.env.TEMPORAL });
const worker = await Worker.create({
  connection, taskQueue: "sagas", activities: { post }, bundlerOptions: { logger: undefined },
  workflowsPath: fileURLToPath(new URL("./workflows.mjs", import.meta.url)),
});
const running = worker.run();
process.send?.("ready");
console.log("ready");
await running;
