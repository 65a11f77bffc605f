// The timeline on the page: what draws it anew, and its buttons.

const wholeRun = () => ({ from: 0, to: Math.max(data.end, 1), top: 0, bottom: Infinity });

function Timeline({ list, theme, chosen, onChoose }) {
  const place = useRef(null);
  const chart = useRef(null);
  const window_ = useRef(wholeRun());
  const latest = useRef({});
  const [order, setOrder] = useState("document");
  const [width, setWidth] = useState(0);
  const shown = useMemo(() => list.filter((task) => task.lane !== undefined), [list]);
  const rows = useMemo(() => rowsOf(shown, order), [shown, order]);
  const layout = layoutOf(width || innerWidth, rows.length);
  latest.current = { shown, rows, onChoose, width };

  useLayoutEffect(() => {
    const made = charts.init(place.current, null, { renderer: "canvas" });
    chart.current = made;
    made.on("click", ({ seriesId, value }) => {
      if (seriesId === "tasks") latest.current.onChoose(tasks[value[6]]);
    });
    made.on("datazoom", () => note());
    const observer = new ResizeObserver(() => setWidth(place.current.clientWidth));
    observer.observe(place.current);
    setWidth(place.current.clientWidth);
    return () => {
      observer.disconnect();
      made.dispose();
    };
  }, []);

  // A new selection of targets is seen whole; the time stays as it is.
  useLayoutEffect(() => {
    Object.assign(window_.current, { top: 0, bottom: Infinity });
  }, [rows]);

  useLayoutEffect(() => {
    if (width === 0) return;
    chart.current.resize({ width, height: layout.total });
    const colours = coloursNow();
    chart.current.setOption(
      optionOf({ list: shown, rows, window: window_.current, layout, colours, chosen: chosen?.index ?? -1, width }),
      { notMerge: true },
    );
  }, [shown, rows, width, layout.total, theme, chosen]);

  const note = () => {
    const zooms = chart.current.getOption().dataZoom;
    const [time, targets] = [zooms.find(({ id }) => id === "x"), zooms.find(({ id }) => id === "y")];
    Object.assign(window_.current, { from: time.startValue, to: time.endValue });
    if (targets) Object.assign(window_.current, { top: targets.startValue, bottom: targets.endValue });
    const { shown, rows, width } = latest.current;
    if (shown.length > MOST_BARS) {
      const bars = barsOf(shown, rows, { ...window_.current, width });
      chart.current.setOption({ series: [{ id: "tasks", data: bars }] });
    }
  };
  const zoom = (factor) => {
    const { from, to } = window_.current;
    const middle = (from + to) / 2;
    const half = factor === 0 ? Infinity : ((to - from) * factor) / 2;
    show(Math.max(0, middle - half), Math.min(wholeRun().to, middle + half));
    if (factor === 0 && layout.hasRowZoom) {
      chart.current.dispatchAction({ type: "dataZoom", dataZoomId: "y", startValue: 0, endValue: rows.length - 1 });
    }
  };
  const show = (startValue, endValue) =>
    chart.current.dispatchAction({ type: "dataZoom", dataZoomId: "x", startValue, endValue });

  return html`<section id="timeline">
    <h2>Timeline</h2>
    <div class="toolbar">
      <label>order <select id="order" value=${order} onChange=${(event) => setOrder(event.currentTarget.value)}>
        <option value="document">as in the experiment</option>
        <option value="failures">failures first</option>
        <option value="first">by first start</option>
        <option value="busy">busiest first</option>
      </select></label>
      <span class="buttons">
        <button type="button" id="zoom-in" title="see half as much time" onClick=${() => zoom(0.5)}>+</button>
        <button type="button" id="zoom-out" title="see twice as much time" onClick=${() => zoom(2)}>−</button>
        <button type="button" id="zoom-all" title="see everything" onClick=${() => zoom(0)}>all</button>
      </span>
      ${!isTouched &&
      html`<small class="hint">Ctrl and wheel zoom, drag moves${
        layout.hasRowZoom ? ", Alt and wheel zoom targets" : ""
      }; click a bar for more</small>`}
    </div>
    <div
      id="chart"
      role="img"
      aria-label="Tasks by target and time; the table of tasks has the same"
      ref=${place}
      style=${{ height: `${layout.total}px` }}
    ></div>
    <p class="legend">
      ${outcomes.map((_, outcome) => outcomeCounts[outcome] > 0 && html`<${Outcome} outcome=${outcome} /> `)}
      <small>Steps: <b>◇</b> planned start, thin line: waiting for it, <b class="skew"></b> from the
      first to the last start on its targets.${signals.length > 0 && " Dashed: a signal to gplmt."}</small>
    </p>
  </section>`;
}
