// Keeps the page's numbers alive, and asks what the visitor asks. The server draws; this only puts in place.
const live = JSON.parse(document.body.dataset.live ?? "{}");
const POLL_MS = 2000, SLOWEST_MS = 30000, KEY = "tandem-key";

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);

/** @returns {Record<string, string>} */
function keyed() {
  const key = sessionStorage.getItem(KEY);
  return key ? { authorization: `Bearer ${key}` } : {};
}

/** @type {Map<string, string>} */
const shown = new Map();
let etag = live.etag, wait = POLL_MS, timer = 0, polling = false;

/** Put a part in its place; what was open, chosen or focused in it stays so. @param {string} name @param {string} html */
function put(name, html) {
  const place = /** @type {any} */ (document.querySelector(`[data-part="${name}"]`));
  if (!place || shown.get(name) === html) return;
  shown.set(name, html);
  const name_of = (/** @type {HTMLElement} */ one, /** @type {number} */ index) => one.id || String(index);
  const open = [...place.querySelectorAll("details")].map((one, index) => one.open && name_of(one, index));
  const chosen = place.value;
  const focused = place.contains(document.activeElement) && document.activeElement?.closest("details")?.id;
  place.innerHTML = html;
  [...place.querySelectorAll("details")].forEach((one, index) => { one.open = open.includes(name_of(one, index)); });
  if (chosen) place.value = chosen;
  if (focused) at(focused)?.querySelector("summary")?.focus();
}

/** Show the board, or the door before it. @param {boolean} locked */
function lock(locked) {
  if (!live.locked) return;
  at("locked").hidden = !locked;
  at("board").hidden = at("rest").hidden = at("forget").hidden = locked;
}

async function look() {
  if (live.locked && !sessionStorage.getItem(KEY)) return;
  const answer = await fetch(live.url, { headers: { ...keyed(), "if-none-match": etag }, cache: "no-store" });
  if (answer.status === 401 && live.locked) {
    sessionStorage.removeItem(KEY);
    lock(true);
    at("wrong").hidden = false;
    return;
  }
  if (answer.status === 200) {
    const told = await answer.json();
    etag = answer.headers.get("etag") ?? "";
    for (const [name, html] of Object.entries(told.parts)) put(name, html);
    document.body.classList.toggle("fresh", told.fresh);
  } else if (answer.status !== 304) throw new Error(String(answer.status));
  lock(false);
}

async function poll() {
  clearTimeout(timer);
  if (polling) return;
  polling = true;
  try {
    await look();
    at("away").hidden = true;
    wait = POLL_MS;
  } catch {
    at("away").hidden = false;
    wait = Math.min(wait * 2, SLOWEST_MS);
  }
  polling = false;
  if (!document.hidden) timer = setTimeout(poll, wait);
}

/** The events of a stream, parsed. @param {Response} answer */
async function* events(answer) {
  const reader = /** @type {any} */ (answer.body).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: {")) yield JSON.parse(line.slice(6));
  }
}

/** @param {string} text */
function code(text) {
  const made = document.createElement("code");
  made.textContent = text;
  return made;
}

/** Who answered and why, from the headers. @param {Response} answer */
function tell(answer) {
  const head = (/** @type {string} */ name) => answer.headers.get(`x-tandem-${name}`) ?? "";
  const place = head("place"), dot = document.createElement("i");
  dot.className = place;
  at("told").replaceChildren(dot, `${live.words.by} `, code(head("model")), `, ${live.places[place] ?? place}`);
  if (Number(head("fallbacks"))) at("told").append(` · ${live.words.fallbacks}: ${head("fallbacks")}`);
  at("because").replaceChildren(...head("because").split(",").filter(Boolean).map((rule) => {
    const item = document.createElement("li");
    item.append(live.rules[rule] ? `${live.rules[rule]} ` : "", code(rule));
    return item;
  }));
  at("end").textContent = head("note");
}

/** @param {number} ms */
function span(ms) {
  const [figure, unit] = ms < 1000 ? [Math.round(ms), "ms"] : [ms / 1000, "s"];
  return `${figure.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 2 })}\u00a0${unit}`;
}

/** @param {AbortSignal} signal */
async function ask(signal) {
  const begun = performance.now();
  const answer = await fetch("/v1/chat/completions", {
    method: "POST",
    signal,
    headers: {
      ...keyed(),
      "content-type": "application/json",
      ...(at("private").checked ? { "x-tandem-private": "true" } : {}),
    },
    body: JSON.stringify({
      model: at("model").value,
      messages: [{ role: "user", content: at("question").value }],
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  if (!answer.ok) throw new Error((await answer.json()).error?.message ?? String(answer.status));
  tell(answer);
  let first = 0, usage = null;
  for await (const event of events(answer)) {
    if (event.error) throw new Error(event.error.message);
    const text = event.choices?.[0]?.delta?.content ?? "";
    if (text && !first) first = performance.now() - begun;
    at("answer").append(text);
    usage = event.usage ?? usage;
  }
  const told = [at("end").textContent, `${live.words.first_word}: ${span(first)}`];
  if (usage) told.push(`${live.words.tokens}: ${usage.prompt_tokens} + ${usage.completion_tokens}`);
  at("end").textContent = told.filter(Boolean).join(" · ");
}

/** @type {AbortController | null} */
let asking = null;

/** @param {boolean} busy */
function busy(busy) {
  at("ask").hidden = busy;
  at("stop").hidden = !busy;
}

/** @param {Event} submitted */
async function asked(submitted) {
  submitted.preventDefault();
  if (asking) return;
  const mine = asking = new AbortController();
  at("reply").hidden = false;
  at("reply").className = "";
  at("told").textContent = `${live.words.waiting}…`;
  at("answer").textContent = at("end").textContent = "";
  at("because").replaceChildren();
  busy(true);
  try {
    await ask(mine.signal);
  } catch (error) {
    const stopped = mine.signal.aborted;
    at("reply").className = stopped ? "" : "failed";
    if (!at("because").childElementCount) at("told").textContent = "";
    const why = error instanceof TypeError ? live.words.failed : /** @type {Error} */ (error).message;
    at("end").textContent = stopped ? live.words.stopped : why;
  }
  asking = null;
  busy(false);
  wait = POLL_MS;
  setTimeout(poll, 150);
}

at("try").hidden = false;
at("try").addEventListener("submit", asked);
at("stop").addEventListener("click", () => asking?.abort());
at("question").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("try").requestSubmit();
  }
});
if (live.locked) {
  at("key").hidden = false;
  at("key").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, at("secret").value.trim());
    at("secret").value = "";
    at("wrong").hidden = true;
    poll();
  });
  at("forget").addEventListener("click", () => {
    sessionStorage.removeItem(KEY);
    location.reload();
  });
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  wait = POLL_MS;
  poll();
});
poll();
