// Warnings, signals, what was stopped and removed; what `gplmt cleanup` did later.

function Notes() {
  const [most, setMost] = useState(50);
  if (data.notes.length === 0) return null;
  return html`<section id="notes">
    <h2>Warnings and notes</h2>
    <ul class="notes">
      ${data.notes.slice(0, most).map(
        (note) => html`<li class=${`is-${note.kind}`}>
          <small>${sinceStart(note.time)}</small> <b>${note.kind}</b>
          <span>${note.text}${note.at > 0 && html`<small> ${data.texts[note.at]}</small>`}</span>
        </li>`,
      )}
    </ul>
    ${
      most < data.notes.length &&
      html`<button type="button" onClick=${() => setMost(data.notes.length)}>
      ${counting(data.notes.length - most, "more")}
    </button>`
    }
    ${
      data.note_count > data.notes.length &&
      html`<p class="hint">
      ${counting(data.note_count - data.notes.length, "more note")}: see events.jsonl.
    </p>`
    }
  </section>`;
}

function Cleanups() {
  if (data.cleanups.length === 0) return null;
  return html`<section id="cleanups">
    <h2>gplmt cleanup</h2>
    <p class="hint">
      Done after the run. Its tasks are in the table, its processes among the notes.
    </p>
    <ul class="notes">
      ${data.cleanups.map((cleanup) => {
        const own = steps.filter(
          (step) => !step.isOfRun && step.kind === "cleanup" && isWithin(step, cleanup),
        );
        return html`<li>
          <small>${date(origin + cleanup.started)}</small>
          ${" "}<${Outcome} outcome=${cleanup.outcome} />:${" "}
          <span>
            ${own.map(
              (step) => `${step.name} (${step.tasklist}) ${outcomes[step.outcome].label}. `,
            )}
            ${
              cleanup.remaining.length > 0
                ? `Something is left to be done on ${cleanup.remaining.join(", ")}.`
                : cleanup.ended === null
                  ? "The record ends before it does."
                  : "Nothing is left to be done."
            }
            ${cleanup.reason && html`${" "}<em>${cleanup.reason}</em>`}
          </span>
        </li>`;
      })}
    </ul>
  </section>`;
}

const isWithin = (step, cleanup) =>
  step.reached >= cleanup.started && (cleanup.ended === null || step.reached <= cleanup.ended);
