// Where bars of the timeline are: the row of each target, lanes within it, and what is at a point.

const barred = counted.filter((task) => task.isOfRun && task.target >= 0);

// Tasks of a target that overlap (par, background steps) lie in lanes beside each other.
const laneCounts = data.targets.map(() => 1);
{
  const ends = data.targets.map(() => []);
  for (const task of barred) {
    const lanes = ends[task.target];
    let lane = lanes.findIndex((end) => end <= task.begin);
    if (lane < 0) lane = lanes.push(0) - 1;
    lanes[lane] = task.end;
    task.lane = lane;
  }
  ends.forEach((lanes, target) => (laneCounts[target] = Math.max(1, lanes.length)));
}

// Rows of tasks, each {target, tasks}; `order` is the choice of the page's reader.
function rowsOf(list, order) {
  const rows = new Map();
  for (const task of list) {
    if (task.lane === undefined) continue;
    if (!rows.has(task.target)) {
      rows.set(task.target, {
        target: task.target,
        tasks: [],
        urgency: 0,
        first: Infinity,
        busy: 0,
      });
    }
    const row = rows.get(task.target);
    row.tasks.push(task);
    if (isFailure(task.outcome)) row.urgency = Math.max(row.urgency, urgency[task.outcome]);
    if (task.outcome !== SKIPPED) row.first = Math.min(row.first, task.begin);
    row.busy += task.end - task.begin;
  }
  const by = {
    document: () => 0,
    failures: (row) => -row.urgency,
    first: (row) => row.first,
    busy: (row) => -row.busy,
  }[order];
  return [...rows.values()].sort((one, other) => by(one) - by(other) || one.target - other.target);
}

// How a row of that height is divided, and what a bar in it takes.
function laneIn(target, height) {
  const space = height > 8 ? Math.min(3, height * 0.12) : 0;
  const lane = (height - 2 * space) / laneCounts[target];
  return { space, lane };
}

// The task that is drawn at a point, if any; `reach` is how far off, in pixels, it may be.
function taskAt(rows, { time, row, within, height, pixel, reach = 2 }) {
  const around = Math.min(20, Math.ceil(reach / height) - 1);
  let best = null;
  for (
    let index = Math.max(0, row - around);
    index <= row + around && index < rows.length;
    index += 1
  ) {
    const { target, tasks } = rows[index];
    const { space, lane } = laneIn(target, height);
    for (const task of tasks) {
      if (task.begin - reach * pixel > time) break; // they come by their begin
      if (Math.max(task.end, task.begin) + reach * pixel < time) continue;
      const isInLane = lane < 4 || Math.floor((within - space) / lane) === task.lane;
      if (index === row ? !isInLane : !isFailure(task.outcome)) continue;
      if (best === null || urgency[task.outcome] >= urgency[best.outcome]) best = task;
    }
  }
  return best;
}
