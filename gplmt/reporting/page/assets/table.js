// A table that sorts, and that has only those rows in the document that can be seen.

const ROW = 30; // pixels, as in page.css
const SPARE = 10; // rows above and below
const MOST_PRINTED = 1000;

function compare(one, other) {
  if (one === other) return 0;
  if (one === null || one === undefined || one === "") return 1; // what is not known comes last
  if (other === null || other === undefined || other === "") return -1;
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

// Each column: {key, title, about, value(row), cell(row), isNumber, isMinor}.
function sorted(rows, columns, order) {
  const column = columns.find(({ key }) => key === order.key);
  if (!column) return rows;
  const values = new Map(rows.map((row) => [row, column.value(row)]));
  const isEmpty = (value) => value === null || value === undefined || value === "";
  return [...rows].sort((one, other) => {
    const [first, second] = [values.get(one), values.get(other)];
    const difference = compare(first, second);
    if (isEmpty(first) || isEmpty(second)) return difference;
    return order.isDown ? -difference : difference;
  });
}

function Table({ id, label, columns, rows, order, onOrder, onRow, isChosen, isPrinting }) {
  const frame = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const look = () => {
    const { scrollTop, clientHeight } = frame.current;
    setView({ top: scrollTop, height: clientHeight || 600 });
  };
  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const inOrder = useMemo(() => sorted(rows, columns, order), [rows, columns, order]);
  useLayoutEffect(() => {
    frame.current.scrollTop = 0;
    look();
  }, [inOrder]);

  const from = isPrinting ? 0 : Math.max(0, Math.floor(view.top / ROW) - SPARE);
  const to = isPrinting
    ? Math.min(inOrder.length, MOST_PRINTED)
    : Math.min(inOrder.length, Math.ceil((view.top + view.height) / ROW) + SPARE);
  const order_by = (column) =>
    onOrder({ key: column.key, isDown: order.key === column.key && !order.isDown });
  return html`<div class="frame" id=${id} ref=${frame} onScroll=${look} tabindex="0">
    <table aria-label=${label} aria-rowcount=${inOrder.length + 1}>
      <thead>
        <tr>
          ${columns.map(
            (column) => html`<th
              scope="col"
              class=${classesOf(column)}
              aria-sort=${order.key !== column.key
                ? "none"
                : order.isDown
                  ? "descending"
                  : "ascending"}
            >
              <button type="button" title=${column.about} onClick=${() => order_by(column)}>
                ${column.title}<i aria-hidden="true"
                  >${order.key !== column.key ? "" : order.isDown ? " ▾" : " ▴"}</i
                >
              </button>
            </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        <tr class="gap" style=${{ height: `${from * ROW}px` }}></tr>
        ${inOrder.slice(from, to).map(
          (row) => html`<tr
            key=${row.index}
            class=${`is-${outcomes[row.outcome].name} ${isChosen?.(row) ? "is-chosen" : ""}`}
            onClick=${onRow && (() => onRow(row))}
          >
            ${columns.map(
              (column) => html`<td class=${classesOf(column)}>${column.cell(row)}</td>`,
            )}
          </tr>`,
        )}
        <tr class="gap" style=${{ height: `${isPrinting ? 0 : (inOrder.length - to) * ROW}px` }}></tr>
      </tbody>
    </table>
    ${inOrder.length === 0 && html`<p class="nothing">Nothing matches.</p>`}
    ${isPrinting &&
    to < inOrder.length &&
    html`<p>${counting(inOrder.length - to, "more row")} not printed.</p>`}
  </div>`;
}

const classesOf = (column) =>
  `of-${column.key} ${column.isNumber ? "is-number" : ""} ${column.isMinor ? "is-minor" : ""}`;
