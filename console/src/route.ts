// route.ts: where one is, as the part of the address after '#'. Pure.

export interface Route {
  /** "sagas", "saga", "definitions" … */
  page: string;
  /** The rest of the path, decoded: an id, a version. */
  rest: string[];
  query: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#?\/?/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const [page, ...rest] = path.split("/").map(decode);
  return {
    page: page || "sagas",
    rest,
    query: new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** "#/saga/order-42?step=pay" */
export function link(page: string, rest: (string | number)[] = [], query: Record<string, string> = {}): string {
  const path = [page, ...rest].map((part) => encodeURIComponent(part)).join("/");
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  const text = search.toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}
