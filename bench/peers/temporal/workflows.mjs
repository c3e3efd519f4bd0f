// The saga on Temporal, as its samples write sagas: each step is an activity, its compensation is remembered before it
// runs, a failed activity undoes in reverse and is thrown on.
import { proxyActivities } from "@temporalio/workflow";

const { post } = proxyActivities({
  startToCloseTimeout: "10s", retry: { initialInterval: "1s", nonRetryableErrorTypes: ["Refused"] },
});

const sagaWith = (paymentPath) => async (order) => {
  const compensations = [];
  try {
    compensations.push(() => post("/order/undo", order));
    await post("/order", order);
    compensations.push(() => post("/stock/undo", order));
    await post("/stock", order);
    return await post(paymentPath, order);
  } catch (error) {
    for (const compensation of compensations.reverse()) await compensation();
    throw error;
  }
};

export const complete = sagaWith("/payment");
export const compensate = sagaWith("/payment/refused");
