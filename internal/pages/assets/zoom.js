// Draws the half hours of a year, to zoom into, and lists those in sight. All numbers are the api's own
// texts; only the chart makes floats of them.
//
// uPlot.js is the file uPlot.iife.min.js of uPlot 1.6.32 with a line that exports it, and uPlot.css its
// uPlot.min.css.
const zoom = document.getElementById("zoom");
const part = (name) => document.getElementById(`zoom-${name}`);
const steps = zoom.querySelectorAll("[data-step]");
const pages = zoom.querySelectorAll("[data-page]");
const rowsMax = 48;

let halves = []; // as the api tells them: of what is not known consumption is null
let offset = 0; // of the first half hour from midnight
let chart;
let first = 0; // of those in sight
let last = 0; // the one after them
let row = 0; // the first of the table

const dayOf = (stamp, options) => new Date(stamp.slice(0, 10)).toLocaleDateString("en-GB", { timeZone: "UTC", ...options }).replace(",", "");
const clockOf = (stamp) => stamp.slice(11, 16) + (stamp.length > 19 ? ` (${stamp.slice(19)})` : "");
const when = (stamp) => `${dayOf(stamp, { weekday: "short", day: "numeric", month: "short", year: "numeric" })} ${clockOf(stamp)}`;
const colour = (name) => () => getComputedStyle(zoom).getPropertyValue(name);
const number = (n) => n.toLocaleString("en");

const heightOf = (half, estimated) => half.consumption === null || half.estimated !== estimated ? null : Number(half.consumption);
const noteOf = (half) => half.consumption === null ? "not known" : half.estimated ? "estimated" : "";

async function load() {
	const { default: uPlot } = await import("./uPlot.js");
	const answer = await fetch(zoom.dataset.series, { headers: { Accept: "application/json" } });
	const page = await answer.json();
	if (!answer.ok) throw new Error(page.detail);
	halves = page.results;
	return uPlot;
}

// labels are the texts below the chart: days, and times of the clock if it shows few of them.
function labels(_, places, __, ___, increment) {
	return places.map((place) => {
		const stamp = halves[place - offset]?.interval_start;
		if (!stamp) return "";
		return increment < 48 && place % 48 !== 0 ? clockOf(stamp) : dayOf(stamp, { day: "numeric", month: "short" });
	});
}

function draw(uPlot) {
	const [hours, minutes] = halves[0].interval_start.slice(11, 16).split(":").map(Number);
	offset = 2 * hours + minutes / 30;
	const box = part("chart");
	const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
	const bars = { width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [1, Infinity], align: 1 }) };
	chart = new uPlot({
		width: box.clientWidth,
		height: box.clientHeight,
		legend: { show: false },
		cursor: { y: false, points: { show: false } },
		scales: { x: { time: false }, y: { range: (_, __, most) => [0, most || 1] } },
		axes: [{ ...axis, space: 70, incrs: [1, 2, 4, 6, 12, 24, 48, 96, 336, 672, 1440, 2880], values: labels }, axis],
		series: [{}, { ...bars, fill: colour("--bar") }, { ...bars, fill: colour("--bar-before") }],
		hooks: { setScale: [look], setCursor: [point] },
	}, [[...halves.keys(), halves.length].map((i) => i + offset), halves.map((half) => heightOf(half, false)), halves.map((half) => heightOf(half, true))], box);
	new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw());
}

// show brings half hours into sight.
function show(from, until) {
	const length = Math.min(until - from, halves.length);
	from = Math.max(0, Math.min(from, halves.length - length));
	chart.setScale("x", { min: from + offset, max: from + length + offset });
}

// look says which half hours the chart shows.
function look() {
	const { min, max } = chart.scales.x;
	first = Math.max(0, Math.round(min) - offset);
	last = Math.min(halves.length, Math.max(first + 1, Math.round(max) - offset));
	row = first;
	const estimated = halves.slice(first, last).filter((half) => half.estimated).length;
	part("says").textContent = `${when(halves[first].interval_start)} to ${when(halves[last - 1].interval_end)}: ${number(last - first)} half hours, ${estimated === 0 ? "none" : number(estimated)} of them estimated.`;
	steps[0].disabled = first === 0;
	steps[1].disabled = last === halves.length;
	list();
}

// point says what was used where the pointer is.
function point() {
	const half = halves[chart.cursor.idx];
	if (half) part("at").textContent = `${when(half.interval_start)}: ${half.consumption ?? "–"} kWh ${noteOf(half)}`;
}

// list fills the table.
function list() {
	const end = Math.min(last, row + rowsMax);
	part("rows").textContent = `Half hours ${number(row - first + 1)} to ${number(end - first)} of the ${number(last - first)} in the chart`;
	part("table").replaceChildren(...halves.slice(row, end).map((half) => {
		const tr = document.createElement("tr");
		const time = document.createElement("time");
		time.dateTime = half.interval_start;
		time.textContent = when(half.interval_start);
		tr.insertCell().append(time);
		const used = document.createElement("data");
		used.value = half.consumption ?? "";
		used.className = "kwh";
		used.textContent = half.consumption ?? "–";
		const cell = tr.insertCell();
		cell.className = "num";
		cell.append(used);
		tr.insertCell().textContent = noteOf(half);
		return tr;
	}));
	pages[0].disabled = row === first;
	pages[1].disabled = end === last;
}

async function begin() {
	part("draw").disabled = true;
	part("says").textContent = "Fetching the half hours …";
	let uPlot;
	try {
		uPlot = await load();
	} catch (problem) {
		part("draw").disabled = false;
		part("says").textContent = `The half hours could not be fetched: ${problem.message}`;
		return;
	}
	part("draw").hidden = true;
	part("view").hidden = false;
	draw(uPlot);
	zoom.querySelector("[data-span]").focus();
}

part("draw").hidden = false;
part("draw").addEventListener("click", begin);
for (const button of zoom.querySelectorAll("[data-span]")) {
	button.addEventListener("click", () => show(last - Number(button.dataset.span), last));
}
for (const button of steps) {
	button.addEventListener("click", () => show(first + Number(button.dataset.step) * (last - first), last + Number(button.dataset.step) * (last - first)));
}
for (const button of pages) {
	button.addEventListener("click", () => {
		row += Number(button.dataset.page) * rowsMax;
		list();
	});
}
