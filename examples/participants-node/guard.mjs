// guard.mjs: what makes a participant safe to call again, over a book that is one append-only file:
// a line is the work and its answer at once, durable before the answer leaves. The rules are those of
// ../guard.sql: the same key gets the same answer; no action after its compensation or its deadline.
import fs from 'node:fs';

const KEY = /^(.+)\/(action|compensation)(?:\/r(\d+))?$/;

export class Guard {
  constructor(path) {
    this.lines = new Map(); // "key operation round" -> line
    const text = fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '';
    const whole = text.lastIndexOf('\n') + 1; // a line torn by a crash was never answered
    if (whole < Buffer.byteLength(text)) fs.truncateSync(path, Buffer.byteLength(text.slice(0, whole)));
    for (const line of text.slice(0, whole).split('\n').filter(Boolean)) this.#keep(JSON.parse(line));
    this.file = fs.openSync(path, 'a');
  }

  // {status, answer}: act() and undo(output) return them; they must do nothing but return.
  answer(headers, act, undo) {
    const [, key, operation, round = '1'] = KEY.exec(headers['idempotency-key']);
    const done = this.#done(key);
    if (headers['skald-operation'] === 'verify')
      return { status: 200, answer: { happened: done !== undefined, output: done?.answer } };
    if (operation === 'action' && this.#has(key, 'compensation'))
      return { status: 410, answer: { error: { code: 'undone', message: 'this was undone before' } } };
    const seen = this.lines.get(`${key} ${operation} ${round}`);
    if (seen) return seen;
    if (operation === 'action' && Date.parse(headers['skald-deadline']) < Date.now())
      return { status: 408, answer: { error: { code: 'too_late', message: 'the deadline has passed' } } };
    const result = operation === 'action' ? act() : done ? undo(done.answer) : { status: 200, answer: {} };
    if ([408, 409, 425, 429].includes(result.status) || result.status >= 500) return result;
    const line = { key, operation, round, ...result };
    fs.writeSync(this.file, JSON.stringify(line) + '\n');
    fs.fsyncSync(this.file);
    return this.#keep(line);
  }

  // What stands: the answers of the actions that were not undone.
  standing() {
    return [...this.lines.values()]
      .filter((l) => l.operation === 'action' && l.status < 300 && !this.#has(l.key, 'compensation'))
      .map((l) => l.answer);
  }

  #keep(line) {
    this.lines.set(`${line.key} ${line.operation} ${line.round}`, line);
    return line;
  }

  #has(key, operation) {
    return [...this.lines.keys()].some((name) => name.startsWith(`${key} ${operation} `));
  }

  #done(key) {
    return [...this.lines.values()].find((l) => l.key === key && l.operation === 'action' && l.status < 300);
  }
}
