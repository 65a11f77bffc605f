// How the timeline is drawn.

const MOST_NAMES = 1500; // of tasks, in their bars
const FONT = "11px system-ui, sans-serif";

// Many bars of one colour as one shape: `bars` holds x, y, width and height of each in turn.
charts.graphic.registerShape(
  "bars",
  charts.graphic.extendShape({
    shape: { bars: [] },
    buildPath(context, { bars }) {
      for (let place = 0; place < bars.length; place += 4) {
        context.rect(bars[place], bars[place + 1], bars[place + 2], bars[place + 3]);
      }
    },
  }),
);

const rectangle = (x, y, width, height, style) => ({
  type: "rect",
  shape: { x, y, width, height },
  style,
});

// All tasks, as one item of a series. Failures lie over the others, and are never so small that
// they cannot be seen; bars that no pixel parts from the last of the same colour are left out.
function drawTasks(rows, colours, chosen) {
  return (params, api) => {
    const area = params.coordSys;
    const [left, top] = api.coord([0, 0]);
    const [height, second] = [api.size([0, 1])[1], api.size([1000, 0])[0] / 1000];
    const bars = outcomes.map(() => []);
    const names = [];
    let outline = null;
    const first = Math.max(0, Math.floor((area.y - top) / height - 1));
    const last = Math.min(rows.length - 1, Math.ceil((area.y + area.height - top) / height + 1));
    for (let index = first; index <= last; index += 1) {
      const { target, tasks } = rows[index];
      const { space, lane } = laneIn(target, height);
      const ends = outcomes.map(() => []);
      for (const task of tasks) {
        const from = left + task.begin * second;
        const to = left + task.end * second;
        if (to < area.x - 3 || from > area.x + area.width) continue;
        const isUrgent = isFailure(task.outcome);
        const x = Math.max(from, area.x - 3);
        const right = Math.min(to, area.x + area.width + 3);
        const width = Math.max(right - x - (right - x > 4 ? 0.6 : 0), isUrgent ? 3 : 1);
        const seen = ends[task.outcome];
        if (seen[task.lane] >= x + width - 0.5) continue;
        seen[task.lane] = x + width;
        const shown = Math.max(lane - (lane > 4 ? 1 : 0), isUrgent ? 3 : 0.6);
        const over = Math.max(0, shown - lane) / 2;
        const y = top + (index - 0.5) * height + space + lane * task.lane - over;
        bars[task.outcome].push(x, y, width, shown);
        if (task === chosen)
          outline = rectangle(x, y, width, shown, {
            fill: "none",
            stroke: colours.text,
            lineWidth: 2,
          });
        if (shown >= 11 && width > 34 && names.length < MOST_NAMES) {
          names.push(nameIn(task, { x: Math.max(x, area.x), y, width, height: shown }, colours));
        }
      }
    }
    const shapes = bars.map((list, outcome) => ({
      type: "bars",
      shape: { bars: list },
      style: { fill: colours.bars[outcome], opacity: outcome === UNFINISHED ? 0.75 : 1 },
      z2: urgency[outcome],
    }));
    const top_most = outline ? [{ ...outline, z2: 11 }] : [];
    return { type: "group", children: [...shapes, ...names, ...top_most] };
  };
}

// Where the whole name has no place, what stands after its last dot: the task without its tasklist.
function nameIn(task, { x, y, width, height }, colours) {
  const isShort = task.name.length * 6.5 > width - 8;
  const name = isShort ? task.name.slice(task.name.lastIndexOf(".") + 1) : task.name;
  const glyph = task.outcome === 0 ? "" : `${outcomes[task.outcome].glyph} `;
  return {
    type: "text",
    z2: 10,
    style: {
      text: glyph + name,
      x: x + 4,
      y: y + height / 2,
      width: width - 8,
      overflow: "truncate",
      ellipsis: "…",
      verticalAlign: "middle",
      font: FONT,
      fill: colours.inks[task.outcome],
    },
  };
}

// A step: thin while it waits for its start time; a mark where that was planned; below, from the
// first start on a target to the last.
function drawStep(colours) {
  return (params, api) => {
    const step = steps[api.value(3)];
    const [reached, middle] = api.coord([step.reached, api.value(2)]);
    const at = (time) => api.coord([time, api.value(2)])[0];
    const height = api.size([0, 1])[1];
    const end = at(step.ended ?? Math.max(step.reached, horizon));
    const begin = step.started === null ? end : at(step.started);
    const inner = Math.max(height * 0.72, 2);
    const y = middle - inner / 2;
    const children = [];
    if (begin - reached > 1) {
      const style = { fill: colours.muted, opacity: 0.45 };
      children.push(rectangle(reached, middle - 1.5, begin - reached, 3, style));
    }
    if (step.started !== null) {
      const style = { fill: colours.bars[step.outcome], opacity: step.is_background ? 0.7 : 1 };
      children.push(rectangle(begin, y, Math.max(end - begin, 1.5), inner, style));
    }
    if (step.first !== null && inner >= 6) {
      const skew = Math.max(at(step.last) - at(step.first), 1);
      children.push(rectangle(at(step.first), y + inner - 3, skew, 3, { fill: colours.text }));
    }
    if (step.planned !== null && step.planned <= horizon) {
      const x = at(step.planned);
      const size = Math.min(4, height / 3);
      const points = [
        [x, middle - size],
        [x + size, middle],
        [x, middle + size],
        [x - size, middle],
      ];
      const style = { fill: colours.surface, stroke: colours.text, lineWidth: 1.2 };
      children.push({ type: "polygon", shape: { points }, style, z2: 10 });
    }
    return { type: "group", z2: urgency[step.outcome], children };
  };
}

// A signal: a line through everything.
function drawSignal(colours) {
  return (params, api) => {
    const [x] = api.coord([api.value(0), 0]);
    const { y, height } = params.coordSys;
    return {
      type: "line",
      shape: { x1: x, y1: y, x2: x, y2: y + height },
      style: { stroke: colours.accent, lineWidth: 1.5, lineDash: [4, 3] },
      z2: 20,
    };
  };
}
