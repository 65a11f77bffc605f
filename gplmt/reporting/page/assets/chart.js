// The timeline on the page: what draws it anew, the pointer over it, and its buttons.

const wholeRun = () => ({ from: 0, to: horizon, top: 0, bottom: Infinity });

class Chart {
  constructor(place, { onTip, onChoose, onRange }) {
    this.chart = charts.init(place, null, { renderer: "canvas" });
    this.seen = wholeRun();
    this.view = null;
    this.onRange = onRange;
    this.chart.on("datazoom", () => this.note());
    this.chart.on("mousemove", { seriesId: "steps" }, ({ value, event }) =>
      onTip({ step: steps[value[3]], x: event.offsetX, y: event.offsetY }),
    );
    this.chart.on("mouseout", { seriesId: "steps" }, () => onTip(null));
    const pointer = this.chart.getZr();
    pointer.on("mousemove", ({ offsetX, offsetY }) => {
      if (offsetY < this.view.layout.top - 7) return; // among the steps
      const task = this.at(offsetX, offsetY);
      onTip(task && { task, x: offsetX, y: offsetY });
      pointer.setCursorStyle(task ? "pointer" : "default");
    });
    pointer.on("globalout", () => onTip(null));
    pointer.on("click", ({ offsetX, offsetY }) => {
      const task = this.at(offsetX, offsetY);
      if (task) onChoose(task);
    });
  }

  draw(view) {
    this.view = { ...view, seen: this.seen };
    if (this.chart.getWidth() !== view.width || this.chart.getHeight() !== view.layout.total) {
      this.chart.resize({ width: view.width, height: view.layout.total });
    }
    this.chart.setOption(optionOf(this.view), { notMerge: true });
    if (view.isPrinting) this.chart.getZr().flush();
  }

  // The task at a point of the canvas.
  at(x, y) {
    const point = [x, y];
    if (this.view.rows.length === 0 || !this.chart.containPixel({ gridIndex: 1 }, point))
      return null;
    const [time, row] = this.chart.convertFromPixel({ gridIndex: 1 }, point);
    const [, middle] = this.chart.convertToPixel({ gridIndex: 1 }, [time, row]);
    const height = rowHeightIn(this.view.layout, this.seen, this.view.rows);
    const pixel =
      (this.seen.to - this.seen.from) /
      (this.view.width - this.view.layout.left - this.view.layout.right);
    return taskAt(this.view.rows, { time, row, within: y - middle + height / 2, height, pixel });
  }

  // Remember what is seen, for the next drawing; with other rows, other labels fit.
  note() {
    const all = this.chart.getOption().dataZoom;
    const [times, places] = ["x", "y"].map((wanted) => all.find(({ id }) => id === wanted));
    Object.assign(this.seen, { from: times.startValue, to: times.endValue });
    this.onRange([times.startValue, times.endValue]);
    if (!places || (places.startValue === this.seen.top && places.endValue === this.seen.bottom))
      return;
    Object.assign(this.seen, { top: places.startValue, bottom: places.endValue });
    const interval = skipping(rowHeightIn(this.view.layout, this.seen, this.view.rows));
    this.chart.setOption({ yAxis: [{}, { axisLabel: { interval } }] });
  }

  seeAllRows() {
    Object.assign(this.seen, { top: 0, bottom: Infinity });
  }

  // See `factor` times as much time; 0 for all, and all targets.
  zoom(factor) {
    const whole = wholeRun();
    const middle = (this.seen.from + this.seen.to) / 2;
    const half = factor === 0 ? Infinity : ((this.seen.to - this.seen.from) * factor) / 2;
    const from = Math.max(whole.from, middle - half);
    this.dispatch("x", from, Math.min(whole.to, middle + half));
    if (factor === 0 && this.view.layout.hasRowZoom)
      this.dispatch("y", 0, this.view.rows.length - 1);
  }

  dispatch(dataZoomId, startValue, endValue) {
    this.chart.dispatchAction({ type: "dataZoom", dataZoomId, startValue, endValue });
  }
}

function Timeline({ list, theme, chosen, onChoose }) {
  const place = useRef(null);
  const chart = useRef(null);
  const [order, setOrder] = useState("document");
  const [width, setWidth] = useState(0);
  const [tip, setTip] = useState(null);
  const [range, setRange] = useState([0, horizon]);
  const rows = useMemo(() => rowsOf(list, order), [list, order]);
  const layout = useMemo(() => layoutOf(width || innerWidth, rows.length), [width, rows]);

  useLayoutEffect(() => {
    chart.current = new Chart(place.current, { onTip: setTip, onChoose, onRange: setRange });
    const measure = () => setWidth(place.current.clientWidth);
    const observer = new ResizeObserver(measure);
    observer.observe(place.current);
    measure();
    return () => observer.disconnect();
  }, []);
  // Another selection of targets is seen whole; the time stays as it is.
  useLayoutEffect(() => chart.current.seeAllRows(), [rows]);
  useLayoutEffect(() => {
    if (width > 0) {
      const isPrinting = theme === "print";
      chart.current.draw({ rows, layout, width, chosen, isPrinting, colours: coloursNow() });
    }
  }, [rows, layout, width, theme, chosen]);

  return html`<section id="timeline">
    <h2>Timeline</h2>
    <${Toolbar}
      order=${order}
      onOrder=${setOrder}
      onZoom=${(factor) => chart.current.zoom(factor)}
      hasRowZoom=${layout.hasRowZoom}
      range=${range}
    />
    <div class="chart">
      <div
        id="chart"
        role="img"
        aria-label="Tasks by target and time; the table of tasks has the same"
        ref=${place}
        style=${{ height: `${layout.total}px` }}
      ></div>
      ${tip && html`<${Tip} tip=${tip} width=${width} />`}
    </div>
    <p class="legend">
      ${outcomes.map(
        (_, outcome) => outcomeCounts[outcome] > 0 && html`<${Outcome} outcome=${outcome} /> `,
      )}
      <small>
        Steps: <b>◇</b> planned start, thin line: waiting for it, <b class="skew"></b> from the first
        to the last start on its targets.${signals.length > 0 && " Dashed: a signal to gplmt."}
      </small>
    </p>
  </section>`;
}

const orders = [
  ["document", "as in the experiment"],
  ["failures", "failures first"],
  ["first", "by first start"],
  ["busy", "busiest first"],
];
const zoomings = [
  ["zoom-in", "+", 0.5, "see half as much time"],
  ["zoom-out", "−", 2, "see twice as much time"],
  ["zoom-all", "all", 0, "see everything"],
];

function Toolbar({ order, onOrder, onZoom, hasRowZoom, range }) {
  const choose = (event) => onOrder(event.currentTarget.value);
  const rows = hasRowZoom ? ", Alt and wheel zoom targets" : "";
  return html`<div class="toolbar">
    <label>
      order${" "}
      <select id="order" value=${order} onChange=${choose}>
        ${orders.map(([name, words]) => html`<option value=${name}>${words}</option>`)}
      </select>
    </label>
    <span class="buttons">
      ${zoomings.map(
        ([id, words, factor, about]) =>
          html`<button type="button" id=${id} title=${about} onClick=${() => onZoom(factor)}>
            ${words}
          </button>`,
      )}
    </span>
    <output id="range">
      ${range.map((time) => sinceStart(time, (range[1] - range[0]) / 20)).join(" – ")}
    </output>
    ${
      !isTouched &&
      html`<small class="hint">Ctrl and wheel zoom, drag moves${rows}; click a bar for more</small>`
    }
  </div>`;
}
