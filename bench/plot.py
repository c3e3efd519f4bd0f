"""plot: bars and lines as SVG, written by hand. Not a library of plots: two kinds, one look, no package
beyond Python's own (a plotting package would be the largest thing that a bench needs).

A plot is a dict: {"kind": "bars" | "lines", "title", "unit", "log", "series": {name: [numbers]}, "labels": [texts]},
for lines {"x": [numbers], "x_title", "log_x"} instead of labels. None is a gap.
"""
import html
import math

WIDTH, LEFT, RIGHT, TOP, FOOT = 860, 92, 20, 64, 58
PLOT_HEIGHT = 300
COLOURS = ("#3b6ea5", "#d98032", "#5f9e6e", "#a8514f", "#8064a2", "#7f7f7f", "#c2a83e", "#4aa5b5")
FONT = "font-family='system-ui, sans-serif'"


def short(number):
    """12,345,678 → 12.3 M; 0.042 → 0.042."""
    for limit, divisor, sign in ((1e9, 1e9, " G"), (1e6, 1e6, " M"), (1e4, 1e3, " k")):
        if abs(number) >= limit:
            return f"{number / divisor:.3g}{sign}"
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def ticks(low, high, is_log):
    if is_log:
        return [10.0 ** power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    raw = (high - low) / 5 or 1
    unit = 10 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= raw)
    return [step * n for n in range(int(low / step), math.ceil(high / step) + 1)]


class Axis:
    """Numbers to pixels."""

    def __init__(self, numbers, is_log, start, end):
        numbers = [number for number in numbers if number is not None and (number > 0 or not is_log)] or [1]
        self.is_log, self.start, self.end = is_log, start, end
        low = min(numbers) if is_log else min(0, *numbers, 0)
        high = max(numbers) or 1
        self.ticks = ticks(low, high, is_log)
        self.low, self.high = self.ticks[0], self.ticks[-1]
        if self.low == self.high:
            self.high = self.low * 10 if is_log else self.low + 1

    def at(self, number):
        if self.is_log:
            share = math.log(max(number, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (number - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def text(x, y, words, size=12, anchor="middle", colour="#333", extra=""):
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{colour}' {FONT}{extra}>"
            f"{html.escape(str(words))}</text>")


def ground(plot, axis):
    """Title, grid and legend."""
    out = [text(LEFT, 22, plot["title"], 15, "start", "#111")]
    for tick in axis.ticks:
        y = axis.at(tick)
        out.append(f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y:.1f}' y2='{y:.1f}' stroke='#ddd'/>")
        out.append(text(LEFT - 8, y + 4, short(tick), 11, "end"))
    out.append(text(16, TOP + PLOT_HEIGHT / 2, plot.get("unit", ""), 12,
                    extra=f" transform='rotate(-90 16 {TOP + PLOT_HEIGHT / 2})'"))
    x = LEFT
    for colour, name in zip(COLOURS, plot["series"]):
        out.append(f"<rect x='{x}' y='34' width='12' height='12' fill='{colour}'/>")
        out.append(text(x + 17, 44, name, 12, "start"))
        x += 36 + 7 * len(name)
    return out


def bars(plot, axis):
    out, series = [], plot["series"]
    group = (WIDTH - LEFT - RIGHT) / max(1, len(plot["labels"]))
    bar = group * 0.8 / max(1, len(series))
    for place, label in enumerate(plot["labels"]):
        x0 = LEFT + place * group
        out.append(text(x0 + group / 2, TOP + PLOT_HEIGHT + 18, label))
        for row, (colour, numbers) in enumerate(zip(COLOURS, series.values())):
            number = numbers[place]
            if number is None:
                continue
            x, y = x0 + group * 0.1 + row * bar, axis.at(number)
            out.append(f"<rect x='{x:.1f}' y='{y:.1f}' width='{bar * 0.94:.1f}' "
                       f"height='{max(0.5, TOP + PLOT_HEIGHT - y):.1f}' fill='{colour}'/>")
            if bar > 26:
                out.append(text(x + bar * 0.47, y - 4, short(number), 10))
    return out


def lines(plot, axis):
    out = []
    across = Axis(plot["x"], plot.get("log_x", False), LEFT + 20, WIDTH - RIGHT - 20)
    for number in plot["x"]:
        out.append(text(across.at(number), TOP + PLOT_HEIGHT + 18, short(number)))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, TOP + PLOT_HEIGHT + 42, plot.get("x_title", "")))
    for colour, numbers in zip(COLOURS, plot["series"].values()):
        points = [(across.at(x), axis.at(y)) for x, y in zip(plot["x"], numbers) if y is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        out += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3.5' fill='{colour}'/>" for x, y in points]
    return out


def draw(plot):
    """The plot as SVG."""
    numbers = [number for row in plot["series"].values() for number in row]
    axis = Axis(numbers, plot.get("log", False), TOP + PLOT_HEIGHT, TOP)
    height = TOP + PLOT_HEIGHT + FOOT
    inside = ground(plot, axis) + (lines if plot["kind"] == "lines" else bars)(plot, axis)
    return (f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' "
            f"height='{height}'>\n<rect width='{WIDTH}' height='{height}' fill='white'/>\n"
            + "\n".join(inside) + "\n</svg>\n")
