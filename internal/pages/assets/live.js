// Keeps the parts of a page up to date that are marked with data-live: the page is fetched anew, and
// their contents are replaced, unless the focus is within. data-live says how often, in seconds. While
// that fails, the page says since when; if the session is over, it gives way to the form to log in.
const parts = document.querySelectorAll("[data-live]");
const every = Math.min(...[...parts].map((part) => Number(part.dataset.live)));
const stale = document.createElement("p");
let seen = new Date();

stale.className = "notice warn";
stale.setAttribute("role", "status");
stale.hidden = true;

async function refresh() {
	if (document.hidden) return;
	const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
	if (answer?.status === 401) location.reload();
	stale.hidden = Boolean(answer?.ok);
	if (!answer?.ok) {
		stale.textContent = `This page is as it was at ${seen.toLocaleTimeString("en-GB")}: the program does not answer as it should.`;
		return;
	}
	seen = new Date();
	const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
	for (const part of parts) {
		const now = fresh.getElementById(part.id);
		if (now && now.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.innerHTML = now.innerHTML;
	}
}

// One after the other: a program that is slow is not asked again before it has answered.
function later() {
	setTimeout(() => refresh().finally(later), every * 1000);
}

if (parts.length > 0) {
	parts[0].before(stale);
	later();
}
