// The page as a whole.

function usePrinting() {
  const [isPrinting, setPrinting] = useState(false);
  useEffect(() => {
    const [begin, end] = [() => setPrinting(true), () => setPrinting(false)];
    addEventListener("beforeprint", begin);
    addEventListener("afterprint", end);
    return () => {
      removeEventListener("beforeprint", begin);
      removeEventListener("afterprint", end);
    };
  }, []);
  return isPrinting;
}

function Page() {
  const [filter, setFilter] = useState(noFilter);
  const [chosen, setChosen] = useState(null);
  const isPrinting = usePrinting();
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
      onFilter=${(failure) => showOnly({ at: failure.at, outcomes: new Set([tasks[failure.task].outcome]) })}
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

{
  const place = document.getElementById("page");
  place.textContent = "";
  render(html`<${Page} />`, place);
}
