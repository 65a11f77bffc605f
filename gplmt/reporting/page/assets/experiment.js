// The text of the experiment, with how what stands at its lines has ended.

const LINE = 20; // pixels, as in page.css

function Listing({ source, onFilter }) {
  const list = useRef(null);
  useLayoutEffect(() => {
    const first = source.marks.find((mark) => isFailure(worstOf([mark])));
    if (first) list.current.scrollTop = Math.max(0, (first.line - 8) * LINE);
  }, []);
  const marks = new Map();
  for (const mark of source.marks) {
    marks.set(mark.line, [...(marks.get(mark.line) ?? []), mark]);
  }
  const lines = source.text.split("\n");
  if (lines.length > 1 && lines[lines.length - 1] === "") lines.pop();
  return html`<ol
    class="listing"
    ref=${list}
    tabindex="0"
    style=${{ "--digits": String(lines.length).length }}
  >
    ${lines.map((line, index) => {
      const here = marks.get(index + 1);
      const worst = here && worstOf(here);
      return html`<li class=${here ? `is-marked is-${outcomes[worst].name}` : ""}>
        <span class="number">${index + 1}</span>
        <span class="marks">${here && html`<${Marks} marks=${here} onFilter=${onFilter} />`}</span>
        <code>${line || " "}</code>
      </li>`;
    })}
  </ol>`;
}

function worstOf(marks) {
  let worst = SKIPPED;
  for (const { counts } of marks) {
    counts.forEach((count, outcome) => {
      if (count > 0 && urgency[outcome] > urgency[worst]) worst = outcome;
    });
  }
  return worst;
}

function Marks({ marks, onFilter }) {
  return marks.map(
    (mark) => html`<button
      type="button"
      class="mark"
      title="show these tasks"
      onClick=${() => onFilter(data.texts[mark.at])}
    >
      ${mark.counts.map(
        (count, outcome) =>
          count > 0 && html`<${Outcome} outcome=${outcome} count=${count} word=${false} />`,
      )}
    </button>`,
  );
}

function Source({ source, isFirst, onFilter, isPrinting }) {
  const [isOpen, setOpen] = useState(isFirst);
  return html`<details
    class="source"
    open=${isOpen || isPrinting}
    onToggle=${(event) => setOpen(event.currentTarget.open)}
  >
    <summary><b>${source.name}</b></summary>
    ${(isOpen || isPrinting) && html`<${Listing} source=${source} onFilter=${onFilter} />`}
    ${
      source.is_cut &&
      html`<p class="hint">
      The rest is in <a href=${run.to_run_directory + source.link}>${source.name}</a>.
    </p>`
    }
  </details>`;
}

function Experiment({ onFilter, isPrinting }) {
  if (data.sources.length === 0) return null;
  return html`<section id="experiment">
    <h2>Experiment</h2>
    <p class="hint">
      How often what stands at a line has ended how. Passwords and values of secret variables are
      left out.
    </p>
    ${data.sources.map(
      (source, index) =>
        html`<${Source}
          source=${source}
          isFirst=${index === 0}
          onFilter=${onFilter}
          isPrinting=${isPrinting}
        />`,
    )}
  </section>`;
}
