// main.tsx: the frame: navigation, and which page stands at which address.
import { render } from "preact";
import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary, useState } from "preact/hooks";
import { BASE } from "./api";
import { Empty } from "./parts";
import { Batches } from "./pages/batches";
import { DefinitionPage, Definitions } from "./pages/definitions";
import { Events } from "./pages/events";
import { Letters } from "./pages/letters";
import { Locks, Server, Services } from "./pages/node";
import { SagaPage } from "./pages/saga";
import { Sagas } from "./pages/sagas";
import { SchedulePage, Schedules } from "./pages/schedules";
import { link, parseRoute } from "./route";
import type { Route } from "./route";

const PAGES: [string, string][] = [["sagas", "Sagas"], ["definitions", "Definitions"], ["events", "Events"],
  ["dead-letters", "Dead letters"], ["schedules", "Schedules"], ["batches", "Batches"], ["locks", "Locks"], ["services", "Services"],
  ["server", "Server"]];
// A page that belongs to another one's entry.
const PARTS: Record<string, string> = { saga: "sagas", definition: "definitions", schedule: "schedules" };

function pageOf(route: Route): ComponentChildren {
  const [first = "", second = ""] = route.rest;
  switch (route.page) {
    case "sagas": return <Sagas search={route.query} />;
    case "saga": return <SagaPage key={first} id={first} step={route.query.get("step")} />;
    case "definitions": return <Definitions />;
    case "definition":
      return <DefinitionPage key={`${first}/${second}`} id={first} version={second} isStarting={route.query.has("start")} />;
    case "events": return <Events type={route.query.get("type") ?? ""} />;
    case "dead-letters": return <Letters />;
    case "schedules": return <Schedules fresh={route.query.get("new")} />;
    case "schedule": return <SchedulePage key={first} id={first} />;
    case "batches": return <Batches />;
    case "locks": return <Locks />;
    case "services": return <Services />;
    case "server": return <Server />;
    default:
      return <main><Empty title="There is no such page"><p><a href={link("sagas")}>To the sagas</a></p></Empty></main>;
  }
}

function titleOf(route: Route): string {
  const name = PAGES.find(([page]) => page === route.page)?.[1] ?? route.rest[0] ?? "";
  return `${name} · Skald`;
}

/** A fault of the console itself is told, and the rest goes on. */
function Guard({ children }: { children: ComponentChildren }) {
  const [fault, reset] = useErrorBoundary((caught) => console.error(caught));
  if (!fault) return <>{children}</>;
  return (
    <main>
      <div class="problem" role="alert">
        <p><b>The console has a fault</b></p>
        <p>{String(fault)}</p>
        <p>→ The server is not touched by it. Its command line and its API tell the same.</p>
        <button type="button" onClick={reset}>Try again</button>
      </div>
    </main>
  );
}

function App() {
  const [route, setRoute] = useState(parseRoute(location.hash));
  const [version, setVersion] = useState("");
  useEffect(() => {
    const look = () => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", look);
    fetch(`${BASE}/version`).then((reply) => reply.json())
      .then((about: { version?: string }) => setVersion(about.version ?? ""), () => setVersion(""));
    return () => removeEventListener("hashchange", look);
  }, []);
  useEffect(() => {
    document.title = titleOf(route);
    document.querySelector("nav.top [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [route]);
  const current = PARTS[route.page] ?? route.page;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.querySelector<HTMLElement>("main a, main button, main input")?.focus();
      }}>To the content</a>
      <nav class="top" aria-label="Pages">
        <a class="brand" href={link("sagas")}>Skald <small>{version}</small></a>
        {PAGES.map(([page, name]) => (
          <a key={page} href={link(page)} aria-current={page === current ? "page" : undefined}>{name}</a>
        ))}
      </nav>
      <Guard key={route.page + route.rest.join("/")}>{pageOf(route)}</Guard>
    </>
  );
}

render(<App />, document.getElementById("app")!);
