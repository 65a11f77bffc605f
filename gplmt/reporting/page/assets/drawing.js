// How the bars of the timeline are drawn.

function rectangle(x, y, width, height, style, more = {}) {
  return { type: "rect", shape: { x, y, width, height }, style, ...more };
}

// A task. A failure is drawn over the others, and never so small that it cannot be seen.
function drawTask(colours, chosen) {
  return (params, api) => {
    const [from, top] = api.coord([api.value(0), api.value(2)]);
    const [to] = api.coord([api.value(1), api.value(2)]);
    const height = api.size([0, 1])[1];
    const outcome = api.value(5);
    const space = height > 8 ? Math.min(3, height * 0.12) : 0;
    const lane = (height - 2 * space) / api.value(4);
    const isUrgent = isFailure(outcome);
    const shown = Math.max(lane - (lane > 4 ? 1 : 0), isUrgent ? 3 : 0.6);
    const y = top - height / 2 + space + lane * api.value(3) - (shown > lane ? (shown - lane) / 2 : 0);
    const width = Math.max(to - from - (to - from > 4 ? 0.5 : 0), isUrgent ? 3 : 1);
    const style = { fill: colours.bars[outcome] };
    if (outcome === UNFINISHED) style.opacity = 0.65;
    if (api.value(6) === chosen) Object.assign(style, { stroke: colours.text, lineWidth: 2 });
    const children = [rectangle(from, y, width, shown, style)];
    const area = params.coordSys;
    const left = Math.max(from, area.x);
    const visible = Math.min(to, area.x + area.width) - left;
    if (shown >= 11 && visible > 26) {
      const task = tasks[api.value(6)];
      const glyph = outcome === 0 ? "" : `${outcomes[outcome].glyph} `;
      children.push({
        type: "text",
        silent: true,
        style: {
          text: glyph + task.name,
          x: left + 4,
          y: y + shown / 2,
          width: visible - 8,
          overflow: "truncate",
          ellipsis: "…",
          verticalAlign: "middle",
          font: "11px system-ui, sans-serif",
          fill: colours.inks[outcome],
        },
      });
    }
    return { type: "group", z2: urgency[outcome], children };
  };
}

// A step: thin while it waits for its start time; a mark where that was planned; below, from the
// first start on a target to the last.
function drawStep(colours) {
  return (params, api) => {
    const step = steps[api.value(3)];
    const [reached, top] = api.coord([step.reached, api.value(2)]);
    const at = (time) => api.coord([time, api.value(2)])[0];
    const height = api.size([0, 1])[1];
    const end = at(step.ended ?? Math.max(step.reached, data.end));
    const begin = step.started === null ? end : at(step.started);
    const inner = Math.max(height * 0.72, 2);
    const y = top - inner / 2;
    const children = [];
    if (begin - reached > 1) {
      const style = { fill: colours.muted, opacity: 0.45 };
      children.push(rectangle(reached, top - 1.5, begin - reached, 3, style));
    }
    if (step.started !== null) {
      const style = { fill: colours.bars[step.outcome], opacity: step.is_background ? 0.7 : 1 };
      children.push(rectangle(begin, y, Math.max(end - begin, 1.5), inner, style));
    }
    if (step.first !== null && inner >= 6) {
      const skew = Math.max(at(step.last) - at(step.first), 1);
      children.push(rectangle(at(step.first), y + inner - 3, skew, 3, { fill: colours.text }));
    }
    if (step.planned !== null && step.planned <= data.end) {
      const x = at(step.planned);
      const size = Math.min(4, height / 3);
      const points = [[x, top - size], [x + size, top], [x, top + size], [x - size, top]];
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
