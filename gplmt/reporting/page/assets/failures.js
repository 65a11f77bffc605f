// What failed, alike failures together, and the last that their commands have written.

const MOST_OPEN = 3;
const MOST_SHOWN = 2;

function Tails({ tails }) {
  return tails.map(
    (tail) => html`<figure class="tail">
      <figcaption><a href=${linkToLog(tail.log)}>${tail.log}</a></figcaption>
      <pre>${tail.text}</pre>
    </figure>`,
  );
}

// Failures of the same place for the same reason, the most frequent first; then, in a group,
// those with the same last lines.
function grouped(list, keyOf) {
  const groups = new Map();
  for (const each of list) {
    const key = keyOf(each);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(each);
  }
  return [...groups.values()];
}

const failureGroups = grouped(failures, (failure) =>
  [failure.is_of_cleanup, failure.is_tolerated, failure.at, failure.what, failure.reason].join(
    "\0",
  ),
).sort(
  (one, other) =>
    one[0].is_of_cleanup - other[0].is_of_cleanup ||
    one[0].is_tolerated - other[0].is_tolerated ||
    other.length - one.length,
);

const countTargets = (list) => new Set(list.map((failure) => failure.target)).size;

function Alike({ list }) {
  const [isWhole, setWhole] = useState(false);
  const names = list.map(
    (failure) => failure.target + (failure.iteration ? ` [${failure.iteration}]` : ""),
  );
  const shown = isWhole ? names : names.slice(0, 12);
  const [first] = list;
  const isAlike = list.length > 1 && first.tails.length > 0;
  return html`<div class="alike">
    <p class="where">
      ${first.target && html`<b>${shown.join(", ")}</b>`}
      ${
        shown.length < names.length &&
        html`${" "}<button type="button" class="link" onClick=${() => setWhole(true)}>
          and ${names.length - shown.length} more
        </button>`
      }
      ${" "}<small>at ${sinceStart(first.time)}${list.length > 1 ? " and later" : ""}</small>
      ${isAlike && html`<small>, with the same last lines</small>`}
    </p>
    <${Tails} tails=${first.tails} />
    ${
      first.tails.length === 0 &&
      first.logs.length > 0 &&
      html`<p class="hint">
      ${first.logs.map((log) => html`<a href=${linkToLog(log)}>${log}</a> `)}
    </p>`
    }
  </div>`;
}

function FailureGroup({ group, isOpen, onFilter }) {
  const [most, setMost] = useState(MOST_SHOWN);
  const [first] = group;
  const alike = useMemo(
    () =>
      grouped(group, (failure) =>
        failure.tails.length ? failure.tails.map((tail) => tail.key).join(" ") : "",
      ),
    [group],
  );
  const where = countTargets(group);
  const targets = where === 1 ? first.target : counting(where, "target");
  const times = group.length > where ? `, ${group.length} times` : "";
  return html`<details class="failure ${first.is_tolerated ? "is-mild" : ""}" open=${isOpen}>
    <summary>
      <b>${first.what}</b>
      <span class="reason">${first.reason || "failed"}</span>
      <span class="tags">
        ${first.target && html`<span>${targets}${times}</span>`}
        ${first.is_tolerated && html`<span>tolerated</span>`}
        ${first.is_of_cleanup && html`<span>in gplmt cleanup</span>`}
        <span>${first.at}</span>
      </span>
    </summary>
    ${alike.slice(0, most).map((list) => html`<${Alike} list=${list} />`)}
    <p class="actions">
      ${
        most < alike.length &&
        html`<button type="button" onClick=${() => setMost(most + 50)}>
        ${counting(alike.length - most, "more output")}
      </button>`
      }
      ${
        first.task >= 0 &&
        html`<button type="button" onClick=${() => onFilter(first)}>${
          first.is_of_cleanup ? "show in the table" : "show in timeline and table"
        }</button>`
      }
    </p>
  </details>`;
}

function Failures({ onFilter }) {
  const [most, setMost] = useState(20);
  if (failures.length === 0) return null;
  return html`<section id="failures">
    <h2>Failures</h2>
    ${failureGroups
      .slice(0, most)
      .map(
        (group, index) =>
          html`<${FailureGroup} group=${group} isOpen=${index < MOST_OPEN} onFilter=${onFilter} />`,
      )}
    ${
      most < failureGroups.length &&
      html`<button type="button" onClick=${() => setMost(most + 100)}>
      ${counting(failureGroups.length - most, "more kind of failure", "more kinds of failures")}
    </button>`
    }
    ${
      data.failure_count > failures.length &&
      html`<p class="hint">
      ${counting(data.failure_count - failures.length, "more failure")}: see events.jsonl.
    </p>`
    }
  </section>`;
}
