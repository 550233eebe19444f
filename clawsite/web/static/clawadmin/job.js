// Shows the events of a job as they come, and the whole page anew when it is over. A hidden page asks for nothing.

"use strict";

const PAUSE = 1000;
const MOST = 2000;

function watch() {
  const box = document.getElementById("job-events");
  if (!box || box.dataset.over === "yes") return;
  const list = box.querySelector("ol");
  const state = box.querySelector("[data-state]");
  let after = Number(box.dataset.after);

  function add(event) {
    const line = document.createElement("li");
    const time = document.createElement("time");
    const kind = document.createElement("b");
    const text = document.createElement("span");
    time.dateTime = event.at;
    time.textContent = event.at.slice(11, 23);
    kind.textContent = event.kind;
    text.textContent = event.text;
    line.append(time, " ", kind, " ", text);
    list.append(line);
    if (list.children.length > MOST) list.firstElementChild.remove();
    after = event.seq;
    const cell = event.step && document.querySelector(`[data-step="${CSS.escape(event.step)}"]`);
    if (cell) cell.textContent = event.state;
  }

  async function ask() {
    let pause = PAUSE;
    try {
      if (!document.hidden) {
        const answer = await fetch(`${box.dataset.url}?after=${after}`, { signal: AbortSignal.timeout(10000) });
        if (answer.status === 403 || answer.status === 404 || answer.redirected) return;
        if (answer.ok) {
          const told = await answer.json();
          const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
          told.events.forEach(add);
          if (bottom) list.scrollTop = list.scrollHeight;
          state.textContent = told.state;
          if (told.over && told.events.length === 0) {
            location.reload(); // Once: a page that begins with what is over asks for nothing.
            return;
          }
          if (told.events.length > 0) pause = PAUSE / 4;
        }
      }
    } catch (error) {
      pause = PAUSE * 5; // No connection: the next one asks from the same number.
    }
    setTimeout(ask, pause);
  }

  list.scrollTop = list.scrollHeight;
  ask();
}

document.addEventListener("DOMContentLoaded", watch);
