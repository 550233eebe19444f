// The socket: opens again whenever it closes, goes on after the last message seen, and sends what is not yet
// acknowledged again under the same id, so that nothing is lost and nothing comes twice.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30000;
const PING_EVERY = 20000;
const PONG_WITHIN = 15000;
const ACK_AFTER = 250;
const RESEND_AFTER = 15000;
const KEPT = 100;
const STORE = "clawsite.unsent";
// Closed for good until the page is opened anew: nobody, not our page, too many.
const FINAL = { 4401: "reload", 4403: "foreign", 4429: "tooMany" };

export class Connection extends EventTarget {
  constructor(path) {
    super();
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.lastSeq = 0;
    this.unsent = new Map();
    this.taken = new Set();
    this.tries = 0;
    this.ended = false;
    this.seen = 0;
    this.acked = 0;
    this.wait = 0;
    this.refused = 0;
    for (const frame of this.load()) this.unsent.set(frame.id, frame);
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => !document.hidden && this.now());
    setInterval(() => this.beat(), PING_EVERY);
  }

  open() {
    clearTimeout(this.timer);
    this.tell("state", { state: this.tries ? "offline" : "connecting" });
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.seen = this.acked = 0;
    socket.addEventListener("open", () => this.greet(socket));
    socket.addEventListener("message", (event) => this.take(socket, event));
    socket.addEventListener("close", (event) => this.lost(socket, event));
  }

  // Try at once instead of waiting, when there is reason to hope.
  now() {
    if (!this.ended && this.socket && this.socket.readyState === WebSocket.CLOSED) this.open();
  }

  greet(socket) {
    if (socket !== this.socket) return;
    this.heardAt = performance.now();
    this.write({ t: "hello", last_seq: this.lastSeq, sent: [...this.taken] });
  }

  lost(socket, event) {
    if (socket !== this.socket || this.ended) return;
    clearTimeout(this.ackTimer);
    const final = FINAL[event.code];
    if (final) {
      this.ended = true;
      this.tell("state", { state: "ended", why: final });
      return;
    }
    // A server that turns us away before it accepts does not say why.
    this.tries += 1;
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(this.tries, 10));
    const wait = this.wait || most * (0.5 + Math.random() / 2);
    this.wait = 0;
    this.tell("state", { state: "offline" });
    this.timer = setTimeout(() => this.open(), wait);
  }

  take(socket, event) {
    if (socket !== this.socket) return;
    const frame = JSON.parse(event.data);
    this.heardAt = performance.now();
    this.pinged = false;
    this.seen = frame.n;
    this.ackTimer ??= setTimeout(() => this.ack(), ACK_AFTER);
    if (frame.t === "access") this.ready();
    if (frame.t === "ack") this.follow(frame.id);
    if (frame.t === "refused") this.taken.delete(frame.id);
    if (frame.t === "messages") for (const message of frame.messages) this.taken.delete(message.id);
    if (frame.t === "error" && frame.id) this.refusedFrame(frame);
    if (frame.t === "restart") this.wait = frame.retry;
    this.tell(frame.t, frame);
  }

  // The server knows us: send what it has not acknowledged.
  ready() {
    if (!this.tries && this.greeted) return;
    this.tries = 0;
    this.greeted = true;
    this.tell("state", { state: "online" });
    for (const frame of this.unsent.values()) this.write(frame);
  }

  ack() {
    this.ackTimer = undefined;
    if (this.seen === this.acked) return;
    this.acked = this.seen;
    this.write({ t: "ack", n: this.seen });
  }

  beat() {
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) return;
    const silent = performance.now() - this.heardAt;
    if (this.pinged && silent > PONG_WITHIN) {
      const dead = this.socket;
      this.lost(dead, { code: 0 });
      dead.close();
      return;
    }
    this.pinged = true;
    this.write({ t: "ping" });
  }

  // Send a frame until it is acknowledged or refused. False: too much waits already.
  send(frame) {
    if (this.unsent.size >= KEPT) return false;
    this.unsent.set(frame.id, frame);
    this.save();
    this.write(frame);
    this.again(frame.id);
    return true;
  }

  again(id) {
    setTimeout(() => {
      const frame = this.unsent.get(id);
      if (!frame || this.ended) return;
      this.write(frame);
      this.again(id);
    }, RESEND_AFTER * (0.8 + Math.random() * 0.4));
  }

  refusedFrame(frame) {
    if (frame.retry) {
      setTimeout(() => this.unsent.has(frame.id) && this.write(this.unsent.get(frame.id)), 3000 + Math.random() * 3000);
    } else {
      this.forget(frame.id);
    }
  }

  // Taken, but not shown yet: it may still turn out to be too much at once.
  follow(id) {
    this.forget(id);
    this.taken.add(id);
    if (this.taken.size > KEPT) this.taken.delete(this.taken.values().next().value);
  }

  forget(id) {
    this.unsent.delete(id);
    this.save();
  }

  write(frame) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // What is not acknowledged survives a reload of this tab.
  load() {
    try {
      return JSON.parse(sessionStorage.getItem(STORE)) ?? [];
    } catch {
      return [];
    }
  }

  save() {
    try {
      sessionStorage.setItem(STORE, JSON.stringify([...this.unsent.values()]));
    } catch {
      // Storage is full or forbidden: the frames are still in memory.
    }
  }
}
