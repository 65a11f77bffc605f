// The page as a whole.

function Page({ isPrinting }) {
  const [filter, setFilter] = useState(noFilter);
  const [chosen, setChosen] = useState(null);
  const theme = useTheme(isPrinting);
  const shown = useMemo(
    () => (isFiltering(filter) ? tasks.filter(matcher(filter)) : tasks),
    [filter],
  );
  const showOnly = (fields) => {
    setFilter({ ...noFilter, ...fields });
    document.getElementById("work").scrollIntoView({ behavior: "auto", block: "start" });
  };
  return html`
    <${Head} />
    <${Failures}
      onFilter=${({ at, task }) => showOnly({ at, outcomes: new Set([tasks[task].outcome]) })}
    />
    <div id="work">
      <${FilterBar} filter=${filter} onChange=${setFilter} shown=${shown.length} />
      <${Timeline} list=${shown} theme=${theme} chosen=${chosen} onChoose=${setChosen} />
      <${Steps} onFilter=${(step) => showOnly({ step: step.name })} isPrinting=${isPrinting} />
      <${Tasks} rows=${shown} chosen=${chosen} onChoose=${setChosen} isPrinting=${isPrinting} />
    </div>
    <${Experiment} onFilter=${(at) => showOnly({ at })} isPrinting=${isPrinting} />
    <${Notes} />
    <${Cleanups} />
    <${About} />
    ${chosen && html`<${Details} task=${chosen} onClose=${() => setChosen(null)} />`}
  `;
}

// A browser takes its picture for the printer as soon as `beforeprint` has been dealt with.
function show(isPrinting) {
  document.documentElement.classList.toggle("prints", isPrinting);
  render(html`<${Page} isPrinting=${isPrinting} />`, document.getElementById("page"));
}

document.getElementById("page").textContent = "";
show(false);
addEventListener("beforeprint", () => show(true));
addEventListener("afterprint", () => show(false));
