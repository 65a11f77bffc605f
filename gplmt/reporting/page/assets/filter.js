// Which tasks are shown, in the timeline and in the table.

const noFilter = { text: "", outcomes: new Set(), step: "", at: "" };

const isFiltering = (filter) =>
  filter.text.trim() !== "" || filter.outcomes.size > 0 || filter.step !== "" || filter.at !== "";

// All words must occur: in the target, the task, the step, the reason or the place.
function matcher(filter) {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return (task) => {
    if (filter.outcomes.size > 0 && !filter.outcomes.has(task.outcome)) return false;
    if (filter.at !== "" && task.at !== filter.at) return false;
    if (filter.step !== "" && (!task.step || task.step.name !== filter.step)) return false;
    if (words.length === 0) return true;
    task.searched ??= [
      task.targetName,
      task.name,
      task.kind,
      task.stepLabel,
      task.at,
      task.result,
      task.reason,
    ]
      .join("\n")
      .toLowerCase();
    return words.every((word) => task.searched.includes(word));
  };
}

const stepNames = [...new Set(steps.map((step) => step.name))];
const outcomeCounts = countOutcomes(tasks);

function FilterBar({ filter, onChange, shown }) {
  const change = (fields) => onChange({ ...filter, ...fields });
  const toggle = (outcome) => {
    const chosen = new Set(filter.outcomes);
    if (!chosen.delete(outcome)) chosen.add(outcome);
    change({ outcomes: chosen });
  };
  const chips = outcomes.map((outcome, index) =>
    outcomeCounts[index] === 0
      ? null
      : html`<button
          type="button"
          class="chip"
          aria-pressed=${String(filter.outcomes.has(index))}
          data-outcome=${outcome.name}
          onClick=${() => toggle(index)}
        >
          <${Outcome} outcome=${index} count=${outcomeCounts[index]} />
        </button>`,
  );
  return html`<form class="filter" role="search" onSubmit=${(event) => event.preventDefault()}>
    <input
      type="search"
      id="search"
      placeholder="target, task, reason …"
      aria-label="Show only tasks with these words"
      value=${filter.text}
      onInput=${(event) => change({ text: event.currentTarget.value })}
    />
    <select
      id="step"
      aria-label="Show only tasks of this step"
      value=${filter.step}
      onChange=${(event) => change({ step: event.currentTarget.value })}
    >
      <option value="">all steps</option>
      ${stepNames.map((name) => html`<option value=${name}>${name}</option>`)}
    </select>
    <span class="chips">${chips}</span>
    ${
      filter.at &&
      html`<button type="button" class="chip" onClick=${() => change({ at: "" })}>
      ${filter.at} ✕
    </button>`
    }
    ${
      isFiltering(filter) &&
      html`<button type="button" id="clear" onClick=${() => onChange(noFilter)}>show all</button>`
    }
    <output id="shown">${
      isFiltering(filter)
        ? `${shown.toLocaleString("en")} of ${counting(tasks.length, "task")}`
        : counting(tasks.length, "task")
    }</output>
  </form>`;
}
