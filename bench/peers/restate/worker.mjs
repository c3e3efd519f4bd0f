// The saga on Restate, as its documentation writes sagas: each step is a durable `ctx.run`, its compensation is
// remembered before it runs, a TerminalError undoes in reverse and is thrown on. The start is an ordinary call of
// the handler through the ingress, which answers when the handler has ended.
import * as restate from "@restatedev/restate-sdk";
import { post, Refused } from "./step.mjs";

function step(ctx, name, path, order) {
  return ctx.run(name, async () => {
    try {
      return await post(path, order);
    } catch (error) {
      throw error instanceof Refused ? new restate.TerminalError(error.message, { errorCode: 422 }) : error;
    }
  });
}

const sagaWith = (paymentPath) => async (ctx, order) => {
  const compensations = [];
  try {
    compensations.push(() => step(ctx, "order-undo", "/order/undo", order));
    await step(ctx, "order", "/order", order);
    compensations.push(() => step(ctx, "stock-undo", "/stock/undo", order));
    await step(ctx, "stock", "/stock", order);
    return await step(ctx, "payment", paymentPath, order);
  } catch (error) {
    if (error instanceof restate.TerminalError) {
      for (const compensation of compensations.reverse()) await compensation();
    }
    throw error;
  }
};

const sagas = restate.service({
  name: "sagas",
  handlers: { complete: sagaWith("/payment"), compensate: sagaWith("/payment/refused") },
});

await restate.serve({ services: [sagas], port: Number(process.env.PORT) });
