"""flame: stacks as perf tells them, folded and drawn as a flame graph: wider is more CPU, callers below."""
import collections
import html
import re
import subprocess

WIDTH, ROW, LEAST = 1200, 17, 0.6  # pixels; narrower frames are left out
KINDS = (  # how a frame is coloured: name, colour, what its object's name holds
    ("skald", "#e8a33d", ("skald",)),
    ("SQLite", "#6a9fcf", ("sqlite",)),
    ("kernel", "#b5b5b5", ("[kernel", "[vdso]", "[unknown]")),
    ("curl, libevent", "#86b877", ("libcurl", "libevent", "libnghttp2")),
    ("C library", "#d8c690", ("",)),
)


def perf_record(data, frequency):
    return ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(frequency), "--call-graph", "dwarf,16384",
            "-o", str(data)]


def record(command, data, frequency=499, env=None):
    """Runs the command under perf; its output."""
    done = subprocess.run([*perf_record(data, frequency), "--", *[str(word) for word in command]],
                          capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise OSError(f"perf record ended with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout


def watch(pid, data, seconds, frequency=499):
    """Lets perf look at a process that runs, for so long; to be awaited by `seen`."""
    return subprocess.Popen([*perf_record(data, frequency), "-p", str(pid), "--", "sleep", str(seconds)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def seen(watcher):
    problem = watcher.communicate()[1]
    if watcher.returncode != 0:
        raise OSError(f"perf record ended with {watcher.returncode}: {problem[-1000:]}")


def kind_of(dso):
    return next(name for name, _, parts in KINDS if any(part in dso for part in parts))


def name_of(symbol):
    """A function without what the compiler and the linker hung on it."""
    return re.sub(r"(@.*|\+0x.*|\.(part|constprop|isra|cold)[.\d]*)+$", "", symbol)


def stacks(data):
    """Counter of ((thread, "thread"), (function, kind), …), callers first."""
    told = subprocess.run(["perf", "script", "--no-inline", "-F", "comm,ip,sym,dso", "-i", str(data)],
                          capture_output=True, text=True, errors="replace", check=True).stdout
    found, thread, frames = collections.Counter(), None, []
    for line in told.splitlines() + [""]:
        if not line.strip():
            if thread is not None and frames:
                found[((thread, "thread"), *reversed(frames))] += 1
            thread, frames = None, []
        elif not line[0].isspace() or thread is None:
            thread = line.strip()
        else:
            match = re.match(r"\s*[0-9a-f]+\s+(.*?)\s+\((.*)\)$", line)
            if match:
                library = match[2].rsplit("/", 1)[-1].split(".so")[0]
                frames.append((f"({library.strip('[]')})" if match[1] == "[unknown]" else name_of(match[1]), kind_of(match[2])))
    return found


def shares(found, key):
    """[(name, share of all samples)], the most first; key(stack) names a sample."""
    sums, whole = collections.Counter(), sum(found.values()) or 1
    for stack, count in found.items():
        sums[key(stack)] += count
    return [(name, count / whole) for name, count in sums.most_common()]


def tree_of(found):
    """Nested dicts: {frame: [count, children]}."""
    root = [0, {}]
    for stack, count in found.items():
        node = root
        node[0] += count
        for frame in stack:
            node = node[1].setdefault(frame, [0, {}])
            node[0] += count
    return root


def depth_of(node, scale):
    return 1 + max((depth_of(child, scale) for child in node[1].values() if child[0] * scale >= LEAST), default=0)


def boxes(node, x, level, scale, height, whole, out):
    for frame, child in sorted(node[1].items()):
        width = child[0] * scale
        if width >= LEAST:
            y = height - (level + 1) * ROW - 26
            colour = next((colour for name, colour, _ in KINDS if name == frame[1]), "#c9b3d9")
            words = html.escape(frame[0])
            cut = words if len(frame[0]) * 6.4 < width - 4 else html.escape(frame[0][:max(0, int(width / 6.4) - 1)])
            out.append(f"<g><title>{words} ({frame[1]}): {child[0] / whole * 100:.1f} %</title>"
                       f"<rect x='{x:.1f}' y='{y}' width='{max(width - 0.4, 0.3):.1f}' height='{ROW - 1}' "
                       f"fill='{colour}'/>")
            if width > 24:
                out.append(f"<text x='{x + 3:.1f}' y='{y + 12}'>{cut}</text>")
            out.append("</g>")
            boxes(child, x, level + 1, scale, height, whole, out)
        x += width


def draw(found, title):
    root = tree_of(found)
    scale = WIDTH / (root[0] or 1)
    height = depth_of(root, scale) * ROW + 62
    out = []
    boxes(root, 0.0, 0, scale, height, root[0] or 1, out)
    legend = "".join(f"<rect x='{10 + i * 150}' y='{height - 19}' width='12' height='12' fill='{colour}'/>"
                     f"<text x='{27 + i * 150}' y='{height - 9}'>{html.escape(name)}</text>"
                     for i, (name, colour, _) in enumerate(KINDS))
    return (f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' "
            f"height='{height}' font-family='monospace' font-size='10.5'>\n"
            f"<rect width='{WIDTH}' height='{height}' fill='white'/>\n"
            f"<text x='10' y='18' font-size='14' font-family='system-ui, sans-serif'>{html.escape(title)}: "
            f"{root[0]} samples of CPU time; threads at the bottom, callers below what they call</text>\n"
            + "\n".join(out) + legend + "\n</svg>\n")
