// Where bars of the timeline go: rows, lanes within them, and bars too narrow to be seen apart.

const MOST_BARS = 20_000;
const barred = counted.filter((task) => task.isOfRun && task.target >= 0);

// Tasks of a target that overlap (par, background steps) lie in lanes beside each other.
const laneCounts = data.targets.map(() => 1);
{
  const ends = data.targets.map(() => []);
  for (const task of barred) {
    const lanes = ends[task.target];
    let lane = lanes.findIndex((end) => end <= task.begin);
    if (lane < 0) lane = lanes.push(0) - 1;
    lanes[lane] = Math.max(task.end, task.begin);
    task.lane = lane;
  }
  ends.forEach((lanes, target) => (laneCounts[target] = Math.max(1, lanes.length)));
}

// The targets of these tasks, in the order that is wanted.
function rowsOf(list, order) {
  const summary = new Map();
  for (const task of list) {
    const seen = summary.get(task.target) ?? { urgency: 0, first: Infinity, busy: 0 };
    seen.urgency = Math.max(seen.urgency, isFailure(task.outcome) ? urgency[task.outcome] : 0);
    if (task.outcome !== SKIPPED) seen.first = Math.min(seen.first, task.begin);
    seen.busy += task.end - task.begin;
    summary.set(task.target, seen);
  }
  const targets = [...summary.keys()].sort((one, other) => one - other);
  const by = {
    failures: (target) => -summary.get(target).urgency,
    first: (target) => summary.get(target).first,
    busy: (target) => -summary.get(target).busy,
  }[order];
  return by ? targets.sort((one, other) => by(one) - by(other) || one - other) : targets;
}

// [begin, end, row, lane, lanes, outcome, index of the task, how many it stands for]; of very
// many only those in the window, bars of one outcome that no pixel parts put together.
function barsOf(list, rows, { from, to, width }) {
  const places = new Map(rows.map((target, row) => [target, row]));
  const bar = (task) => [
    task.begin, task.end, places.get(task.target), task.lane, laneCounts[task.target],
    task.outcome, task.index, 1,
  ];
  if (list.length <= MOST_BARS) return list.map(bar);
  const pixel = (to - from) / Math.max(width, 1);
  const open = new Map();
  const bars = [];
  for (const task of list) {
    if (task.end < from || task.begin > to) continue;
    const key = (task.target * 64 + Math.min(task.lane, 63)) * 16 + task.outcome;
    const last = open.get(key);
    const isNarrow = last && Math.min(task.end - task.begin, last[1] - last[0]) < 2 * pixel;
    if (last && task.begin - last[1] < pixel && isNarrow) {
      last[1] = Math.max(last[1], task.end);
      last[7] += 1;
      continue;
    }
    const made = bar(task);
    open.set(key, made);
    bars.push(made);
  }
  return bars;
}
