// Everything that all views use of the libraries.
const { charts, html, render, useEffect, useLayoutEffect, useMemo, useRef, useState } = library;

// Times, counts and links in words.

function inWords(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "";
  const sign = milliseconds < 0 ? "−" : "";
  let rest = Math.abs(milliseconds);
  if (rest < 10) return `${sign}${rest.toFixed(1)} ms`;
  if (rest < 1000) return `${sign}${rest.toFixed(0)} ms`;
  if (rest < 9_995) return `${sign}${(rest / 1000).toFixed(2)} s`;
  if (rest < 59_950) return `${sign}${(rest / 1000).toFixed(1)} s`;
  rest = Math.round(rest / 1000);
  const parts = [
    [Math.floor(rest / 86_400), "d"],
    [Math.floor(rest / 3600) % 24, "h"],
    [Math.floor(rest / 60) % 60, "min"],
    [rest % 60, "s"],
  ].filter(([number]) => number > 0);
  return (
    sign +
    parts
      .slice(0, 2)
      .map(([number, unit]) => `${number} ${unit}`)
      .join(" ")
  );
}

// A moment since the beginning; `scale` is how far the times lie apart that it is read with.
function sinceStart(milliseconds, scale = 0) {
  const total = Math.abs(milliseconds);
  const sign = milliseconds < 0 ? "−" : "";
  if (total < 60_000) {
    const digits = scale === 0 || scale < 10 ? 3 : scale < 100 ? 2 : scale < 1000 ? 1 : 0;
    return `${sign}${(total / 1000).toFixed(digits)} s`;
  }
  const digits = scale === 0 || scale >= 1000 ? 0 : scale < 10 ? 3 : scale < 100 ? 2 : 1;
  const tenths = 10 ** digits;
  const rest = Math.round((total / 1000) * tenths) / tenths;
  const seconds = (rest % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  const minutes = Math.floor(rest / 60) % 60;
  const hours = Math.floor(rest / 3600);
  if (hours === 0) return `${sign}${minutes}:${seconds}`;
  return `${sign}${hours}:${String(minutes).padStart(2, "0")}:${seconds}`;
}

function clock(milliseconds) {
  return new Date(origin + milliseconds).toISOString().slice(11, 23);
}

function date(text) {
  return text ? new Date(text).toISOString().slice(0, 19).replace("T", " ") + " UTC" : "";
}

function counting(number, one, several = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : several}`;
}

function quoted(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}

const linkToLog = (path) => run.to_run_directory + quoted(path);

function Links({ log }) {
  if (!log) return null;
  return html`<span class="links"
    ><a href=${linkToLog(`${log}.out`)} title="what it wrote to stdout">out</a>${" "}<a
      href=${linkToLog(`${log}.err`)} title="what it wrote to stderr">err</a></span
  >`;
}

function Outcome({ outcome, count = null, word = true }) {
  const { name, glyph, label } = outcomes[outcome];
  return html`<span class=${`outcome is-${name}`} title=${label}
    ><i aria-hidden="true">${glyph}</i>${word ? ` ${label}` : ""}${
      count === null ? "" : ` ${count.toLocaleString("en")}`
    }</span
  >`;
}
