// A guarded participant that hires out cars: node participant.mjs PORT BOOK.jsonl
import http from 'node:http';
import { Guard } from './guard.mjs';
const [port, book] = process.argv.slice(2);
const guard = new Guard(book);
http.createServer(async (request, response) => {
  if (request.method === 'GET') return response.end(JSON.stringify(guard.standing()));
  let text = '';
  for await (const part of request) text += part;
  const { days } = JSON.parse(text || '{}');
  const hire = () =>
    days > 0
      ? { status: 200, answer: { car: `car-${guard.lines.size + 1}`, days } }
      : { status: 422, answer: { error: { code: 'no_days', message: 'for how many days?' } } };
  const bringBack = () => ({ status: 200, answer: {} });
  const { status, answer } = guard.answer(request.headers, hire, bringBack);
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(answer));
}).listen(Number(port), '127.0.0.1');
