// Fetches the figures every five seconds while somebody looks.
const EVERY = 5000;
const figures = document.getElementById("figures");
const stale = document.getElementById("stale");

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/", { headers: { "X-Part": "figures" }, signal: AbortSignal.timeout(EVERY) });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    figures.innerHTML = await answer.text();
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
}

setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", refresh);
