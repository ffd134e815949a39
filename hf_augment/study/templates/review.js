"use strict";
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
(() => {
  const box = document.getElementById("review");
  if (!box) return;
  const { title, made_from, ids } = JSON.parse(document.getElementById("review-data").textContent);
  const place = `hf-augment review\n${title}\n${made_from}`;
  const cards = [...box.querySelectorAll(".card")];
  const find = (name) => box.querySelector(`[data-part="${name}"]`);
  const said = { accept: "accepted", reject: "rejected" };
  const known = new Set(ids);
  const decisions = new Map();
  const made = []; // [row, what stood before], so that each decision can be taken back
  let at = 0;
  let stored = true;

  const load = () => {
    try {
      const found = JSON.parse(localStorage.getItem(place) ?? "{}");
      for (const [id, decision] of Object.entries(found)) {
        if (known.has(id) && Object.hasOwn(said, decision)) decisions.set(id, decision);
      }
    } catch {
      stored = false;
    }
  };
  const store = () => {
    try {
      localStorage.setItem(place, JSON.stringify(Object.fromEntries(decisions)));
      stored = true;
    } catch {
      stored = false;
    }
  };
  const saved = () => {
    const inOrder = [...known].filter((id) => decisions.has(id)).map((id) => [id, decisions.get(id)]);
    return JSON.stringify({ version: 1, made_from, decisions: Object.fromEntries(inOrder) }, null, 2) + "\n";
  };
  const show = () => {
    cards.forEach((card, i) => {
      card.hidden = i !== at;
    });
    const decision = decisions.get(ids[at]);
    const accepted = [...decisions.values()].filter((each) => each === "accept").length;
    find("where").textContent = `${at + 1} of ${cards.length}`;
    find("decided").textContent = decision ? said[decision] : "not decided";
    find("decided").dataset.decision = decision ?? "";
    find("count").textContent =
      `${decisions.size} of ${known.size} decided: ${accepted} accepted, ${decisions.size - accepted} rejected`;
    find("bar").value = decisions.size;
    find("accept").setAttribute("aria-pressed", decision === "accept");
    find("reject").setAttribute("aria-pressed", decision === "reject");
    find("previous").disabled = at === 0;
    find("next").disabled = at === cards.length - 1;
    find("undo").disabled = !made.length && !decision;
    find("save").disabled = !decisions.size;
    find("kept").textContent = stored
      ? "Kept in this browser until you download it."
      : "This browser keeps nothing: download the decisions before you leave.";
  };
  const move = (step) => {
    at = Math.min(Math.max(at + step, 0), cards.length - 1);
    show();
  };
  const put = (id, decision) => {
    if (decision) decisions.set(id, decision);
    else decisions.delete(id);
    store();
  };
  const decide = (decision) => {
    made.push([at, decisions.get(ids[at])]);
    put(ids[at], decision);
    move(1);
  };
  const undo = () => {
    const [row, before] = made.pop() ?? [at, undefined];
    at = row;
    put(ids[row], before);
    show();
  };
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([saved()], { type: "application/json" }));
    link.download = "decisions.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const actions = {
    accept: () => decide("accept"),
    reject: () => decide("reject"),
    undo,
    previous: () => move(-1),
    next: () => move(1),
    save,
  };
  const keys = { a: "accept", r: "reject", u: "undo", ArrowLeft: "previous", ArrowRight: "next" };

  for (const [name, action] of Object.entries(actions)) {
    find(name).addEventListener("click", () => {
      action();
      if (find(name).disabled) box.focus({ preventScroll: true }); // or the keys would be lost with the button
    });
  }
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const name = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!name) return;
    event.preventDefault();
    actions[name]();
  });
  box.addEventListener("click", (event) => {
    if (!event.target.closest("button") && !getSelection().toString()) box.focus({ preventScroll: true });
  });
  load();
  at = Math.max(ids.findIndex((id) => !decisions.has(id)), 0);
  for (const part of box.querySelectorAll("[data-live]")) part.hidden = false;
  find("bar").max = known.size;
  show();
})();
