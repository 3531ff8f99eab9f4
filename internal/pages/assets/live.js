// Keeps the parts of a page up to date that are marked with data-live: the page is fetched anew, and
// their contents are replaced, unless the focus is within. data-live says how often, in seconds.
const parts = document.querySelectorAll("[data-live]");
const every = Math.min(...[...parts].map((part) => Number(part.dataset.live)));

async function refresh() {
	if (document.hidden) return;
	const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
	if (!answer?.ok) return;
	const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
	for (const part of parts) {
		const now = fresh.getElementById(part.id);
		if (now && now.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.innerHTML = now.innerHTML;
	}
}

if (parts.length > 0) setInterval(refresh, every * 1000);
