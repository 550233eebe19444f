// Counts the tokens of a prompt layer while it is edited. The server counts, so the number is the one that it uses.
"use strict";

const WAIT = 250;

function start() {
  const box = document.getElementById("layer-size");
  const text = document.querySelector("textarea[data-estimate]");
  const budget = document.getElementById("id_budget");
  if (!box) return;
  const bar = box.querySelector("progress");
  const token = document.querySelector("input[name=csrfmiddlewaretoken]");
  let timer = 0;
  let asked = null;

  function show(tokens) {
    const most = budget ? Number(budget.value) || 0 : bar.max;
    box.querySelector("[data-tokens]").textContent = tokens;
    box.querySelector("[data-budget]").textContent = most;
    bar.max = Math.max(most, 1);
    bar.value = tokens;
    box.dataset.state = tokens > most ? "over" : "fine";
  }

  async function count() {
    if (asked) asked.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(box.dataset.url, {
        method: "POST",
        body: new URLSearchParams({ text: text.value }),
        headers: { "X-CSRFToken": token.value },
        signal: AbortSignal.any([asked.signal, AbortSignal.timeout(5000)]),
      });
      if (answer.ok) show((await answer.json()).tokens);
    } catch (error) {
      // Stopped by the next key, or no connection: the last number stays.
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(count, WAIT);
  }

  show(Number(box.querySelector("[data-tokens]").textContent));
  if (text && token) text.addEventListener("input", later);
  if (budget) budget.addEventListener("input", () => show(Number(box.querySelector("[data-tokens]").textContent)));
}

document.addEventListener("DOMContentLoaded", start);
