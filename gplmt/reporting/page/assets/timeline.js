// The timeline: steps above, targets below, both by the same time.

const FEW_ROWS = 40;
const stepRows = [...new Set(steps.filter((step) => step.isOfRun).map((step) => step.name))];
const signals = data.notes.filter((note) => note.kind === "signal" && note.time <= data.end);
const isTouched = matchMedia("(pointer: coarse)").matches;
const stepsShown = steps.filter((step) => step.isOfRun);

function layoutOf(width, rowCount) {
  const isNarrow = width < 560;
  const longest = Math.max(4, ...data.targets.map((name) => name.length), ...stepRows.map((name) => name.length));
  const left = Math.min(longest * 7 + 14, isNarrow ? 84 : 170);
  const stepHeight = Math.min(Math.max(stepRows.length, 1) * 20, 200);
  const height = rowCount <= FEW_ROWS ? Math.max(rowCount, 1) * 24 : Math.max(520, Math.min(760, innerHeight - 260));
  const top = 8 + stepHeight + 14;
  const hasRowZoom = rowCount > FEW_ROWS;
  return { left, right: hasRowZoom ? 44 : 18, stepHeight, top, height, hasRowZoom, total: top + height + 76 };
}

function tip(title, lines) {
  const box = document.createElement("div");
  box.className = "tip";
  render(
    html`<b>${title}</b>${lines.filter(Boolean).map((line) => html`<div>${line}</div>`)}`,
    box,
  );
  return box;
}

function tipOfTask(bar) {
  const task = tasks[bar[6]];
  const many = bar[7] > 1 ? `and ${counting(bar[7] - 1, "other task")} too close to tell apart` : "";
  return tip(`${task.targetName}: ${task.name}`, [
    html`<${Outcome} outcome=${task.outcome} />${task.length === null ? "" : ` after ${inWords(task.length)}`}`,
    [task.reason, task.result].filter(Boolean).join("; ").slice(0, 300),
    `${sinceStart(task.begin)} – ${task.length === null ? "…" : sinceStart(task.end)}, ${clock(task.begin)} UTC`,
    `${task.kind} in ${task.stepLabel}, ${task.at}`,
    many,
  ]);
}

function tipOfStep(step) {
  return tip(`step ${step.label}`, [
    html`<${Outcome} outcome=${step.outcome} />${step.length === null ? "" : ` after ${inWords(step.length)}`}`,
    `tasklist ${step.tasklist} on ${counting(step.targets, "target")}, ${step.at}`,
    step.planned !== null && `planned ${sinceStart(step.planned)}`,
    step.started === null ? "not started" : `started ${sinceStart(step.started)}${
      step.delay === null ? "" : `, ${inWords(step.delay)} after the plan`}`,
    step.skew !== null && `skew ${inWords(step.skew)}, from the first to the last of ${counting(step.begun, "target")}`,
    step.reason,
  ]);
}

function optionOf({ list, rows, window, layout, colours, chosen, width }) {
  const scale = () => window.to - window.from;
  const text = { color: colours.muted, fontSize: 11, fontFamily: "system-ui, sans-serif" };
  const category = (names, index, size, of = (name) => name) => ({
    type: "category",
    gridIndex: index,
    inverse: true,
    data: names,
    axisTick: { show: false },
    axisLine: { show: false },
    axisLabel: { ...text, color: colours.text, formatter: of, width: layout.left - 12, overflow: "truncate", interval: size >= 14 ? 0 : "auto" },
  });
  const time = (index, isLabelled) => ({
    type: "value",
    gridIndex: index,
    min: 0,
    max: Math.max(data.end, 1),
    axisLine: { show: isLabelled, lineStyle: { color: colours.line } },
    axisLabel: { ...text, show: isLabelled, hideOverlap: true, formatter: (value) => sinceStart(value, scale() / 6) },
    axisTick: { show: isLabelled },
    splitNumber: Math.max(2, Math.min(8, Math.floor(width / 120))),
    splitLine: { lineStyle: { color: colours.line } },
  });
  const custom = (id, axes, renderItem, points, more = {}) => ({
    id, type: "custom", clip: true, renderItem, data: points, animation: false,
    xAxisIndex: axes, yAxisIndex: axes, encode: { x: [0, 1], y: 2 }, progressive: 0, ...more,
  });
  const marks = signals.map((note) => [note.time, note.time, 0]);
  const slider = { type: "slider", filterMode: "weakFilter", showDetail: false, brushSelect: false, borderColor: colours.line, fillerColor: colours.band, backgroundColor: "transparent", dataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } }, selectedDataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } }, handleStyle: { color: colours.surface, borderColor: colours.muted }, moveHandleStyle: { color: colours.muted }, moveHandleSize: 5 };
  const inside = { type: "inside", filterMode: "weakFilter", disabled: isTouched, moveOnMouseWheel: false, moveOnMouseMove: true, preventDefaultMouseMove: false };
  const times = { xAxisIndex: [0, 1], startValue: window.from, endValue: window.to };
  const places = { yAxisIndex: [1], startValue: window.top, endValue: Math.min(window.bottom, rows.length - 1) };
  return {
    animation: false,
    backgroundColor: "transparent",
    textStyle: { fontFamily: "system-ui, sans-serif" },
    grid: [
      { left: layout.left, right: layout.right, top: 8, height: layout.stepHeight, show: true, backgroundColor: colours.band, borderWidth: 0 },
      { left: layout.left, right: layout.right, top: layout.top, height: layout.height, show: true, borderColor: colours.line },
    ],
    xAxis: [time(0, false), time(1, true)],
    yAxis: [
      category(stepRows, 0, layout.stepHeight / stepRows.length),
      category(rows, 1, layout.height / rows.length, (place) => data.targets[place]),
    ],
    dataZoom: [
      { id: "x", ...inside, ...times, zoomOnMouseWheel: "ctrl" },
      { id: "x-slider", ...slider, ...times, height: 18, bottom: 14, left: layout.left, right: layout.right },
      ...(layout.hasRowZoom
        ? [
            { id: "y", ...inside, ...places, zoomOnMouseWheel: "alt" },
            { id: "y-slider", ...slider, ...places, width: 16, right: 8, top: layout.top, height: layout.height },
          ]
        : []),
    ],
    tooltip: {
      trigger: "item",
      confine: true,
      backgroundColor: colours.surface,
      borderColor: colours.line,
      textStyle: { color: colours.text, fontSize: 12 },
      formatter: ({ seriesId, value }) =>
        seriesId === "tasks" ? tipOfTask(value) : tipOfStep(steps[value[3]]),
    },
    series: [
      custom("steps", 0, drawStep(colours), stepsShown.map((step) => [
        Math.min(step.reached, step.planned ?? Infinity), step.ended ?? data.end, stepRows.indexOf(step.name), step.index,
      ])),
      custom("tasks", 1, drawTask(colours, chosen), barsOf(list, rows, { ...window, width })),
      custom("signals", 0, drawSignal(colours), marks, { silent: true, tooltip: { show: false } }),
      custom("signals below", 1, drawSignal(colours), marks, { silent: true, tooltip: { show: false } }),
    ],
  };
}
