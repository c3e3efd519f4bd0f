// step.mjs: what a step of every peer does: one POST to the participant, kept alive, with the leanest HTTP client
// that Node has (undici's pool; `fetch` takes longer). A 4xx is the participant's "no", everything else that is not
// 2xx a fault that may be tried again.
import { Pool } from "undici";

const pool = new Pool(process.env.PARTICIPANT, { pipelining: 1 });

export class Refused extends Error {}

export async function post(path, order) {
  const { statusCode, body } = await pool.request({
    path, method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(order),
  });
  const answer = await body.json();
  if (statusCode >= 400 && statusCode < 500) throw new Refused(`${path} answered ${statusCode}`);
  if (statusCode >= 300) throw new Error(`${path} answered ${statusCode}`);
  return answer;
}
