// What the timeline is made of: steps above, targets below, both by the same time.

const FEW_ROWS = 40;
const LONG_STEPS = 200; // pixels
const stepsShown = steps.filter((step) => step.isOfRun);
const stepRows = [...new Set(stepsShown.map((step) => step.name))];
const signals = data.notes.filter((note) => note.kind === "signal" && note.time <= horizon);
const isTouched = matchMedia("(pointer: coarse)").matches;
const longestName = Math.max(
  4,
  ...[...data.targets.slice(0, 5000), ...stepRows].map((name) => name.length),
);

function layoutOf(width, rowCount) {
  const left = Math.min(longestName * 7 + 14, width < 560 ? 84 : 170);
  const rowHeight = Math.min(48, Math.max(24, 15 * Math.max(1, ...laneCounts.slice(0, FEW_ROWS))));
  const stepHeight = Math.min(Math.max(stepRows.length, 1) * 20, LONG_STEPS);
  const hasRowZoom = rowCount > FEW_ROWS;
  const height = hasRowZoom
    ? Math.max(520, Math.min(760, innerHeight - 260))
    : Math.max(rowCount, 1) * rowHeight;
  const top = 8 + stepHeight + 14;
  return {
    left,
    stepHeight,
    top,
    height,
    hasRowZoom,
    right: hasRowZoom ? 44 : 18,
    total: top + height + 76,
  };
}

// Which labels of rows of that height are shown, so that they do not touch: each 1st, 2nd, 5th …
function skipping(height) {
  const wanted = 15 / height;
  const power = 10 ** Math.max(0, Math.floor(Math.log10(wanted)));
  const each =
    wanted <= 1 ? 1 : [1, 2, 5, 10].map((digit) => digit * power).find((step) => step >= wanted);
  return (index) => index % each === 0;
}

const rowHeightIn = (layout, seen, rows) =>
  layout.height / (Math.min(seen.bottom, rows.length - 1) - seen.top + 1);

function axes({ rows, seen, layout, colours, width }) {
  const text = { color: colours.muted, fontSize: 11, fontFamily: "system-ui, sans-serif" };
  const category = (index, names, height) => ({
    type: "category",
    gridIndex: index,
    inverse: true,
    data: names,
    axisTick: { show: false },
    axisLine: { show: false },
    axisLabel: {
      ...text,
      color: colours.text,
      width: layout.left - 12,
      overflow: "truncate",
      interval: skipping(height),
    },
  });
  const time = (index, isLabelled) => ({
    type: "value",
    gridIndex: index,
    min: 0,
    max: horizon,
    axisLine: { show: isLabelled, lineStyle: { color: colours.line } },
    axisLabel: {
      ...text,
      show: isLabelled,
      hideOverlap: true,
      showMaxLabel: false,
      formatter: (value) => sinceStart(value, (seen.to - seen.from) / 6),
    },
    axisTick: { show: isLabelled },
    splitNumber: Math.max(2, Math.min(8, Math.floor(width / 120))),
    splitLine: { lineStyle: { color: colours.line } },
  });
  return {
    xAxis: [time(0, false), time(1, true)],
    yAxis: [
      category(0, stepRows, layout.stepHeight / stepRows.length),
      category(
        1,
        rows.map(({ target }) => data.targets[target]),
        rowHeightIn(layout, seen, rows),
      ),
    ],
  };
}

function zooms({ rows, seen, layout, colours }) {
  const none = { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } };
  const slider = {
    type: "slider",
    filterMode: "weakFilter",
    showDetail: false,
    brushSelect: false,
    borderColor: colours.line,
    fillerColor: colours.band,
    backgroundColor: "transparent",
    dataBackground: none,
    selectedDataBackground: none,
    handleStyle: { color: colours.surface, borderColor: colours.muted },
    moveHandleStyle: { color: colours.muted },
    moveHandleSize: 5,
  };
  const inside = {
    type: "inside",
    filterMode: "weakFilter",
    disabled: isTouched, // a finger on the timeline shall move the page
    moveOnMouseWheel: false,
    moveOnMouseMove: true,
    preventDefaultMouseMove: false,
  };
  const times = { xAxisIndex: [0, 1], startValue: seen.from, endValue: seen.to };
  const last = Math.max(0, rows.length - 1);
  const places = {
    yAxisIndex: [1],
    startValue: seen.top,
    endValue: Math.min(seen.bottom, last),
    filterMode: "none",
  };
  const { left, right, top, height } = layout;
  const ofRows = [
    { id: "y", ...inside, ...places, zoomOnMouseWheel: "alt" },
    { id: "y-slider", ...slider, ...places, width: 16, right: 8, top, height },
  ];
  return [
    { id: "x", ...inside, ...times, zoomOnMouseWheel: "ctrl" },
    { id: "x-slider", ...slider, ...times, height: 18, bottom: 14, left, right },
    ...(layout.hasRowZoom ? ofRows : []),
  ];
}

function seriesOf({ rows, colours, chosen }) {
  const custom = (id, grid, renderItem, points, more = {}) => ({
    id,
    type: "custom",
    clip: true,
    renderItem,
    data: points,
    animation: false,
    xAxisIndex: grid,
    yAxisIndex: grid,
    encode: { x: [0, 1], y: 2 },
    progressive: 0,
    ...more,
  });
  const marks = signals.map((note) => [note.time, note.time, 0]);
  return [
    custom(
      "steps",
      0,
      drawStep(colours),
      stepsShown.map((step) => [
        Math.min(step.reached, step.planned ?? Infinity),
        step.ended ?? horizon,
        stepRows.indexOf(step.name),
        step.index,
      ]),
    ),
    custom("tasks", 1, drawTasks(rows, colours, chosen), [[0, horizon, 0]], { silent: true }),
    custom("signals", 0, drawSignal(colours), marks, { silent: true }),
    custom("signals below", 1, drawSignal(colours), marks, { silent: true }),
  ];
}

function optionOf(view) {
  const { layout, colours } = view;
  const { left, right } = layout;
  return {
    animation: false,
    backgroundColor: "transparent",
    grid: [
      {
        left,
        right,
        top: 8,
        height: layout.stepHeight,
        show: true,
        backgroundColor: colours.band,
        borderWidth: 0,
      },
      {
        left,
        right,
        top: layout.top,
        height: layout.height,
        show: true,
        borderColor: colours.line,
      },
    ],
    ...axes(view),
    dataZoom: zooms(view),
    series: seriesOf(view),
  };
}
