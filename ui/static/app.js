// All text that comes from the server is set as text, never as HTML: server names
// and callers are written by whoever connects.
"use strict";

const $ = (id) => document.getElementById(id);
const maxRows = 200;

function element(name, text, className) {
  const e = document.createElement(name);
  e.textContent = text;
  if (className) e.className = className;
  return e;
}

function row(cells, className) {
  const tr = document.createElement("tr");
  cells.forEach((text, i) => tr.append(element("td", text, i === 1 ? className : "")));
  return tr;
}

async function get(path, parameters) {
  const response = await fetch("/api/" + path + (parameters ? "?" + parameters : ""));
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const time = (text) => text.replace("T", " ").replace(/\.\d+/, "").replace("Z", "");
const why = (g) => [g.reason, g.detail, g.rule && "rule " + g.rule].filter(Boolean).join(", ");
const would = (g) => ["would " + g.decision, why(g)].filter(Boolean).join(", ");

function groups(into, title, table, why) {
  into.replaceChildren();
  if (!table.groups.length) return;
  into.append(element("h2", title));
  const list = document.createElement("table");
  for (const g of table.groups) list.append(row([g.connections, g.caller || "unknown", g.server_name, why(g), time(g.last)]));
  into.append(list);
}

async function showSummary() {
  const s = await get("summary");
  $("read").textContent = `${s.refused} of ${s.connections} connections; ${s.foreign} lines are not the gateway's`;
  $("refused").tBodies[0].replaceChildren(...s.refusals.groups.map((g) => {
    const tr = row([g.connections, g.caller || "unknown", g.server_name || "-", why(g), time(g.last)]);
    tr.addEventListener("click", () => {
      $("ask").elements.server_name.value = g.server_name;
      $("ask").elements.principal.value = g.caller;
      ask();
    });
    return tr;
  }));
  groups($("shadow"), "What shadow rules would decide otherwise", s.shadow, would);
  groups($("failed"), "Allowed, and failed", s.failures, why);
  $("advice").replaceChildren(...Object.entries(s.advice).flatMap(([reason, text]) => [element("dt", reason), element("dd", text)]));
}

async function showPolicy() {
  const p = await get("policy");
  $("policy").textContent = p.text + (p.cut ? "\n… (more is not shown)" : "");
  $("mistakes").textContent = p.error;
  const g = await get("gateway");
  const state = $("gateway");
  state.className = "";
  if (!g.asked) {
    state.textContent = "The gateway is not asked (--admin).";
  } else if (g.error) {
    state.textContent = "The gateway does not answer: " + g.error;
    state.className = "deny";
  } else if (g.counters.policy_version !== p.version) {
    state.textContent = "The gateway has another policy than this file.";
    state.className = "deny";
  } else {
    state.textContent = `In force: this policy, ${p.rules} rules. ${g.counters.allowed || 0} allowed.`;
    state.className = "allow";
  }
}

async function ask(event) {
  if (event) event.preventDefault();
  const into = $("explained");
  try {
    const e = await get("explain", new URLSearchParams(new FormData($("ask"))));
    const how = [e.rule && "by rule " + e.rule, e.decision === "allow" ? "to port " + e.port : e.reason, e.error].filter(Boolean).join(", ");
    into.replaceChildren(element("p", `${e.server_name}: ${e.decision}, ${how}`, e.decision));
    if (e.shadow) into.append(element("p", `Were its shadow rules enforced: ${e.shadow} ${e.shadow_rule}`));
    if (e.advice) into.append(element("p", e.advice, "hint"));
    const others = document.createElement("ul");
    for (const o of e.others) others.append(element("li", `${o.rule} (line ${o.line}): ${o.why}`));
    into.append(others);
  } catch (error) {
    into.replaceChildren(element("p", error.message, "deny"));
  }
}

async function learn(event) {
  event.preventDefault();
  const parameters = new URLSearchParams(new FormData($("learn")));
  if (!parameters.get("caller")) parameters.delete("caller");
  try {
    const learned = await get("learn", parameters);
    const skipped = learned.skipped.map((s) => `  ${s.server_name} of ${s.caller || "unknown"}: ${s.why}`);
    $("learned").textContent = learned.policy || ["Nothing to learn.", ...skipped].join("\n");
  } catch (error) {
    $("learned").textContent = error.message;
  }
}

let paused = false;

function follow() {
  const events = new EventSource("/api/events");
  events.onopen = () => $("decisions").tBodies[0].replaceChildren();
  events.onmessage = (message) => {
    if (paused) return;
    const d = JSON.parse(message.data);
    const body = $("decisions").tBodies[0];
    const name = d.server_name + (d.port && d.port !== 443 ? ":" + d.port : "");
    const shadow = d.shadow && `shadow: ${d.shadow}`;
    body.prepend(row([time(d.time), d.decision || "none", name || "-", d.caller || "unknown", [why(d), shadow].filter(Boolean).join(", ")], d.decision));
    while (body.rows.length > maxRows) body.deleteRow(-1);
  };
}

const showErrors = (show) => () => show().catch((error) => { $("gateway").textContent = error.message; });

$("ask").addEventListener("submit", ask);
$("learn").addEventListener("submit", learn);
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").textContent = paused ? "Go on" : "Pause";
});
follow();
for (const [show, every] of [[showSummary, 2000], [showPolicy, 5000]]) {
  showErrors(show)();
  setInterval(showErrors(show), every);
}
