// A table that sorts, and that has only those rows in the document that can be seen.

const ROW = 30; // pixels, as in page.css
const SPARE = 10; // rows above and below
const MOST_PRINTED = 1000;

const collator = new Intl.Collator("en", { numeric: true });

// Each value's place among all of them; what is not known comes last, whichever way it goes.
function ranksOf(values, isDown) {
  const isKnown = (value) => value !== null && value !== undefined && value !== "";
  const different = [...new Set(values)].filter(isKnown);
  different.sort(typeof different[0] === "number" ? (one, other) => one - other : collator.compare);
  if (isDown) different.reverse();
  return new Map(different.map((value, rank) => [value, rank]));
}

// Each column: {key, title, about, value(row), cell(row), isNumber, isMinor}.
function sorted(rows, columns, order) {
  const column = columns.find(({ key }) => key === order.key);
  if (!column) return rows;
  const values = rows.map(column.value);
  const ranks = ranksOf(values, order.isDown);
  const keyed = rows.map((row, place) => [ranks.get(values[place]) ?? Infinity, place, row]);
  keyed.sort((one, other) => (one[0] === other[0] ? one[1] - other[1] : one[0] - other[0]));
  return keyed.map(([, , row]) => row);
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
  const below = isPrinting ? 0 : inOrder.length - to;
  const orderBy = (column) =>
    onOrder({ key: column.key, isDown: order.key === column.key && !order.isDown });
  return html`<div class="frame" id=${id} ref=${frame} onScroll=${look} tabindex="0">
    <table aria-label=${label} aria-rowcount=${inOrder.length + 1}>
      <thead>
        <tr>
          ${columns.map(
            (column) => html`<th
              scope="col"
              class=${classesOf(column)}
              aria-sort=${
                order.key !== column.key ? "none" : order.isDown ? "descending" : "ascending"
              }
            >
              <button type="button" title=${column.about} onClick=${() => orderBy(column)}>
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
        <tr class="gap" style=${{ height: `${below * ROW}px` }}></tr>
      </tbody>
    </table>
    ${inOrder.length === 0 && html`<p class="nothing">Nothing matches.</p>`}
    ${
      isPrinting &&
      to < inOrder.length &&
      html`<p>${counting(inOrder.length - to, "more row")} not printed.</p>`
    }
  </div>`;
}

const classesOf = (column) =>
  `of-${column.key} ${column.isNumber ? "is-number" : ""} ${column.isMinor ? "is-minor" : ""}`;
