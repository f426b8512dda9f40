/* The page's own script: keys, focus, the source panel, copying, reading aloud, light and dark.
   What needs the library goes through window.ragSend(name, detail); what is only looks and manners stays here. */
(function () {
  "use strict";
  const root = document.documentElement;
  const NARROW = "(max-width:720px)";
  const $ = (css, from) => (from || document).querySelector(css);
  const $$ = (css, from) => Array.from((from || document).querySelectorAll(css));

  // ---------------------------------------------------------------- remembered on this device
  function remembered(name) { try { return localStorage.getItem("rag." + name); } catch (e) { return null; } }
  function remember(name, value) { try { localStorage.setItem("rag." + name, value); } catch (e) { /* a private window keeps nothing */ } }
  const night = remembered("night");
  if (night === "1" || (night === null && matchMedia("(prefers-color-scheme:dark)").matches)) root.classList.add("night");
  if (new URLSearchParams(location.search).get("widget")) root.classList.add("widget");
  const SIZES = ["", "big", "huge"];
  let size = Math.max(0, SIZES.indexOf(remembered("size") || ""));
  if (SIZES[size]) root.classList.add(SIZES[size]);

  // ---------------------------------------------------------------- words, and telling
  function word(key, fields) {
    const bar = $("#bar .hdr");
    const text = (bar && bar.dataset[key.replace(/_(.)/g, (_, c) => (/[a-z]/.test(c) ? c.toUpperCase() : "-" + c))]) || "";
    return text.replace(/\{(\w+)\}/g, (whole, name) => (fields && name in fields ? fields[name] : whole));
  }
  let fading = 0;
  function tell(text) {
    const told = $("#rag-told");
    told.textContent = text;
    clearTimeout(fading);
    fading = setTimeout(() => { told.textContent = ""; }, 4000);
  }
  function send(name, detail) { if (window.ragSend) window.ragSend(name, detail || {}); }
  const busy = () => !!$("#box .stop-button");

  // ---------------------------------------------------------------- what Gradio leaves to be put right
  // Each writes only what differs: an observer that always writes would call itself for ever.
  function set(element, name, value) {
    if (!element) return;
    if (value === null) { if (element.hasAttribute(name)) element.removeAttribute(name); }
    else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
  function mend() {
    const bar = $("#bar .hdr");
    if (!bar) return;
    set(root, "lang", bar.getAttribute("lang"));
    for (const log of $$("#log [role=log]")) { set(log, "aria-live", "off"); set(log, "aria-label", word("log")); }
    for (const bubble of $$("#log [data-testid=user],#log [data-testid=bot]")) set(bubble, "aria-label", null);
    for (const card of $$("#thread .a")) set(card, "aria-busy", card.classList.contains("busy") ? "true" : null);
    set($("#thread"), "tabindex", "0"); set($("#thread"), "role", "region"); set($("#thread"), "aria-label", word("log"));
    set($("#box textarea"), "id", "question"); set($("#box textarea"), "enterkeyhint", "send");
    set($("#tabs .tab-wrapper > [role=tablist]"), "aria-label", word("nav"));
    for (const button of $$("#thread .do-share-answer")) set(button, "aria-expanded", String(button.closest(".a").classList.contains("sharing")));
    const tabNow = $("#tabs [role=tab][aria-selected=true]");
    const staffing = !!tabNow && tabNow.dataset.tabId !== "ask";
    if (root.classList.contains("staffing") !== staffing) root.classList.toggle("staffing", staffing);
    const fold = $("#filters > .label-wrap");
    if (fold) set(fold, "aria-expanded", String(fold.classList.contains("open")));
    const live = $("#live");
    set(live, "role", "status"); set(live, "aria-live", "polite"); set(live, "aria-atomic", "true");
    if (live) live.classList.contains("sr") || live.classList.add("sr");
    const dark = root.classList.contains("night");
    set($("#bar .do-theme"), "aria-label", word(dark ? "to_light" : "to_dark"));
    const sun = $("#bar .do-theme .ic");
    if (sun && sun.className !== (dark ? "ic i-sun" : "ic i-moon")) sun.className = dark ? "ic i-sun" : "ic i-moon";
    set($("#bar .do-size"), "aria-label", word("size_" + (size + 1)));
    set($("#bar .do-drawer"), "aria-expanded", String(root.classList.contains("drawer")));
    for (const why of $$("#thread .do-why")) set(why, "aria-expanded", String(why.closest(".a").classList.contains("open")));
    complain();
    draft();
    address();
    askedByLink();
    supersede();
    markCurrent();
    follow();
  }
  // Gradio tells in English, in a corner, that the server is gone or that something failed; the page says it in its bar.
  function complain() {
    const told = $(".toast-wrap [data-testid=toast-text]"), bar = $("#rag-net");
    const words = !told ? "" : word(/connection|连接|連線/i.test(told.textContent) ? "offline" : "failed");
    if (bar && bar.textContent !== words) bar.textContent = words;
  }
  // What is being written outlives a reload, which is what Gradio does once a lost server is back.
  let restored = false;
  function draft() {
    if (busy()) forget("draft");
    if (restored || !$("#question") || !window.ragSend) return;
    restored = true;
    const text = kept("draft");
    if (text && !$("#question").value) fill(text);
  }
  function kept(name) { try { return sessionStorage.getItem("rag." + name); } catch (e) { return null; } }
  function forget(name) { try { sessionStorage.removeItem("rag." + name); } catch (e) { /* nothing was kept */ } }
  // A retried answer stays until the new one begins; then its question and card make way.
  let again = false;
  function supersede() {
    const rows = $$("#log .message-row"), begun = again && !!$("#now .a");
    rows.forEach((row, i) => {
      const old = begun && i >= rows.length - 2;
      if (row.hidden !== old) row.hidden = old;
    });
  }
  // The page's address names the conversation on it, so that a reload, a bookmark or a link finds it again.
  function address() {
    const list = $("#drawer .dlist"), on = list && $(".ci.on .do-open", list), asked = new URLSearchParams(location.search);
    const key = on ? on.dataset.key : null;
    if (!list || asked.get("widget") || (asked.get("c") === key && !asked.get("q"))) return;
    history.replaceState(null, "", location.pathname + (key ? "?c=" + encodeURIComponent(key) : ""));
  }
  // ?q=… opens with that question asked, once; then the address is the conversation's.
  let linked = (new URLSearchParams(location.search).get("q") || "").trim().slice(0, 2000);
  function askedByLink() {
    if (!linked || !window.ragSend || !$("#question") || !$("#drawer .dlist")) return;
    const question = linked;
    linked = "";
    setTimeout(() => ask("ask", {question}), 0);
  }
  let planned = 0;
  function soon() { if (!planned) planned = requestAnimationFrame(() => { planned = 0; mend(); }); }

  // ---------------------------------------------------------------- the thread scrolls with the answer
  // It follows while the answer grows, but never so far that the question leaves the view, and not against the reader.
  let following = false;
  function follow() {
    const thread = $("#thread");
    if (!thread || !following) return;
    const asked = $$("#thread .u").pop();
    if (!asked) return;
    const top = asked.getBoundingClientRect().top - thread.getBoundingClientRect().top + thread.scrollTop - 20;
    const wanted = Math.min(top, thread.scrollHeight - thread.clientHeight);
    if (wanted > thread.scrollTop + 1) thread.scrollTop = wanted;
    if (!busy() && !$("#thread .busy")) following = "end";
  }
  function leave(event) { if (event.target.closest && event.target.closest("#thread")) following = false; }
  addEventListener("wheel", leave, {passive: true});
  addEventListener("touchmove", leave, {passive: true});

  // ---------------------------------------------------------------- the source panel
  let current = "";           // "c-1001": the citation in the panel
  let opener = null;          // where focus goes back to
  function chipOf(id) { return id ? $('#thread a.cite[href="#' + id + '"]') : null; }
  function markCurrent() {
    const chip = root.classList.contains("source") ? chipOf(current) : null;
    for (const one of $$("#thread a.cite.cur")) if (one !== chip) one.classList.remove("cur");
    const sentence = chip && chip.closest(".st");
    for (const one of $$("#thread .st.cur")) if (one !== sentence) one.classList.remove("cur");
    if (chip && !chip.classList.contains("cur")) chip.classList.add("cur");
    if (sentence && !sentence.classList.contains("cur")) sentence.classList.add("cur");
  }
  function open(id, from) {
    current = id;
    opener = from || opener;
    tip(null);
    send("open", {cite: id});
  }
  function opened() {
    const side = $("#side .side");
    if (!side) return;
    root.classList.add("source");
    if (matchMedia("(max-width:1099px)").matches) root.classList.remove("drawer");
    const sheet = matchMedia(NARROW).matches;
    set(side, "role", sheet ? "dialog" : "complementary");
    set(side, "aria-modal", sheet ? "true" : null);
    $("#col").inert = sheet;
    $("#bar").inert = sheet;
    const body = $(".sbody", side), mark = $("mark", side);
    body.scrollTop = 0;
    hush();
    if (mark) {
      const low = mark.getBoundingClientRect(), view = body.getBoundingClientRect();
      if (low.bottom > view.bottom - 12) body.scrollTop += low.top - view.top - Math.max(16, (view.height - low.height) / 3);
    }
    window.ragPages.opened(side);
    $("h2", side).focus({preventScroll: true});
    const chip = chipOf(current);
    markCurrent();
    if (chip && !sheet) chip.scrollIntoView({block: "nearest"});
  }
  // ---------------------------------------------------------------- a chip shows its quote while it is pointed at
  let tipped = null;
  function tip(chip) {
    const bubble = $("#rag-tip"), said = chip && $(".tip." + chip.getAttribute("href").slice(1), chip.closest(".a"));
    if (tipped && tipped !== chip) tipped.removeAttribute("aria-describedby");
    tipped = said ? chip : null;
    bubble.hidden = !said;
    if (!said) return;
    bubble.innerHTML = said.innerHTML;
    bubble.className = said.className;
    chip.setAttribute("aria-describedby", "rag-tip");
    chip.removeAttribute("title");
    const at = chip.getBoundingClientRect(), own = bubble.getBoundingClientRect();
    bubble.style.left = Math.max(8, Math.min(at.left - 24, innerWidth - own.width - 8)) + "px";
    bubble.style.top = (at.top - own.height - 8 > 64 ? at.top - own.height - 8 : at.bottom + 8) + "px";
  }
  const chipAt = (event) => (event.target.closest ? event.target.closest("#thread a.cite:not(.wait)") : null);
  let leaving = 0;
  document.addEventListener("mouseover", (event) => {
    const chip = chipAt(event);
    if (chip || event.target.closest("#rag-tip")) clearTimeout(leaving);
    if (chip) tip(chip);
    else if (tipped && !event.target.closest("#rag-tip")) { clearTimeout(leaving); leaving = setTimeout(() => tip(null), 150); }
  });
  document.addEventListener("focusin", (event) => { if (chipAt(event) && chipAt(event).matches(":focus-visible")) tip(chipAt(event)); else if (tipped) tip(null); });
  addEventListener("scroll", () => { if (tipped) tip(null); }, true);

  function close() {
    if (!root.classList.contains("source")) return false;
    root.classList.remove("source", "paged");
    $("#col").inert = false;
    $("#bar").inert = false;
    markCurrent();
    const back = chipOf(current) || (opener && opener.isConnected ? opener : null) || $("#question");
    current = "";
    if (back) back.focus({preventScroll: true});
    return true;
  }
  function step(way) {
    const button = $$("#side .do-step")[way < 0 ? 0 : 1];
    if (button && !button.disabled) open(button.dataset.cite);
  }
  function drawer(wanted) {
    const show = wanted === undefined ? !root.classList.contains("drawer") : wanted;
    if (show === root.classList.contains("drawer")) return false;
    root.classList.toggle("drawer", show);
    const sheet = show && matchMedia(NARROW).matches;
    set($("#drawer .drawer"), "role", sheet ? "dialog" : "navigation");
    set($("#drawer .drawer"), "aria-modal", sheet ? "true" : null);
    $("#col").inert = sheet;
    const first = show ? $("#in-conversations") : $$("#bar .do-drawer").find((b) => b.offsetParent);
    if (first) first.focus();
    soon();
    return true;
  }
  let grabbed = null;         // the sheet is dragged down by its handle
  addEventListener("pointerdown", (e) => { if (e.target.closest(".grab")) grabbed = e.clientY; });
  addEventListener("pointermove", (e) => {
    if (grabbed !== null) $("#side").style.transform = "translateY(" + Math.max(0, e.clientY - grabbed) + "px)";
  });
  addEventListener("pointerup", (e) => {
    if (grabbed === null) return;
    const far = e.clientY - grabbed > 90;
    grabbed = null;
    $("#side").style.transform = "";
    if (far) close();
  });

  // ---------------------------------------------------------------- copying
  function copy(text, done) {
    const failed = () => {
      const area = document.createElement("textarea");
      area.value = text;
      area.style.position = "fixed";
      area.style.opacity = "0";
      document.body.append(area);
      area.select();
      let copied = false;
      try { copied = document.execCommand("copy"); } finally { area.remove(); }
      tell(word(copied ? done : "not_copied"));
    };
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(() => tell(word(done)), failed);
    else failed();
  }
  function answerText(card) { return $$(".out p", card).map((p) => p.textContent).join("\n"); }
  function referenceText() {
    const quote = $$("#side mark").map((m) => m.textContent).join("\n");
    return $("#side .gb").textContent + (quote ? "\n“" + quote + "”" : "");
  }

  // ---------------------------------------------------------------- reading aloud, by the device's own voices
  let reading = null;
  function hush() {
    if (!reading) return;
    const button = reading;
    reading = null;
    speechSynthesis.cancel();
    button.classList.remove("on");
    $("span", button).textContent = word("say");
    unmarkRead();
  }
  function voice() {
    const own = speechSynthesis.getVoices().filter((v) => v.localService && /^(zh|cmn)/i.test(v.lang));
    return own.find((v) => /CN|Hans/i.test(v.lang)) || own[0] || null;
  }
  function say(button) {
    if (reading) { const same = reading === button; hush(); if (same) return; }
    const speaker = "speechSynthesis" in window ? voice() : null;
    if (!speaker) { tell(word("no_voice")); return; }
    reading = button;
    button.classList.add("on");
    $("span", button).textContent = word("reading");
    const pieces = button.closest("#side") ? $$("#side .headline, #side .txt > *") : $$(".ans .st", button.closest(".a"));
    pieces.forEach((piece, i) => {
      const bare = piece.cloneNode(true);
      $$(".cite", bare).forEach((chip) => chip.remove());
      const spoken = new SpeechSynthesisUtterance(bare.textContent);
      spoken.voice = speaker;
      spoken.lang = speaker.lang;
      spoken.onstart = () => { unmarkRead(); piece.classList.add("heard"); };
      spoken.onend = () => { piece.classList.remove("heard"); if (i === pieces.length - 1 && reading === button) hush(); };
      speechSynthesis.speak(spoken);
    });
  }
  function unmarkRead() { for (const one of $$(".heard")) one.classList.remove("heard"); }

  // ---------------------------------------------------------------- conversations: found, renamed, shared
  const talk = (key) => "api/conversations/" + encodeURIComponent(key);
  async function change(key, what) {
    const answer = await fetch(talk(key), {method: "PATCH", headers: {"Content-Type": "application/json"}, body: JSON.stringify(what)});
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }
  let looked = 0;
  function look(text) {         // by title at once, then by all that was said
    const wanted = text.trim().toLowerCase(), rows = $$("#drawer .ci");
    for (const row of rows) row.hidden = !$(".do-open", row).textContent.toLowerCase().includes(wanted);
    clearTimeout(looked);
    if (wanted) looked = setTimeout(async () => {
      const answer = await fetch("api/conversations?limit=1000&text=" + encodeURIComponent(wanted.slice(0, 200)));
      const box = $("#in-conversations");
      if (!answer.ok || !box || box.value !== text) return;
      const keys = new Set((await answer.json()).conversations.map((one) => one.key));
      for (const row of $$("#drawer .ci")) if (keys.has($(".do-open", row).dataset.key)) row.hidden = false;
    }, 200);
  }
  function rename(button) {
    const row = button.closest(".ci"), title = $(".do-open span", row), opening = $(".do-open", row);
    const box = document.createElement("input");
    box.value = title.textContent;
    box.maxLength = 80;
    box.setAttribute("aria-label", word("rename"));
    let over = false;
    const end = async (keep) => {
      if (over) return;
      over = true;
      const wanted = box.value.trim();
      box.replaceWith(opening);
      opening.focus();
      if (!keep || !wanted || wanted === title.textContent) return;
      try { title.textContent = (await change(button.dataset.key, {title: wanted})).title; }
      catch (failed) { tell(word("failed")); }
    };
    box.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      end(event.key === "Enter");
    });
    box.addEventListener("blur", () => end(true));
    opening.replaceWith(box);
    box.focus();
    box.select();
  }
  function share(button, shared) {
    const row = button.closest(".ci"), key = button.dataset.key;
    change(key, {shared}).then(() => {
      row.classList.toggle("shared", shared);
      if (shared) copy(location.origin + location.pathname + "?c=" + encodeURIComponent(key), "shared");
      else { tell(word("unshared")); $(".do-share", row).focus(); }
    }, () => tell(word("failed")));
  }
  function linkTo(button) {
    const at = button.dataset.at ? "&at=" + button.dataset.at : "";
    copy(location.origin + location.pathname + "?a=" + encodeURIComponent(button.dataset.article) + at, "linked");
  }

  // ---------------------------------------------------------------- pressing
  function fill(text) {
    const box = $("#question");
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, text);
    box.dispatchEvent(new Event("input", {bubbles: true}));
  }
  function put(text) { fill(text); $("#question").focus(); }
  function lastQuestion(card) {
    const asked = $$("#thread .u");
    const before = asked.filter((u) => u.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
    return before ? $("p", before).innerText.trim() : "";
  }
  // The last question is changed where it stands; its answer makes way for the new one.
  function edit(button) {
    const bubble = button.closest(".u"), text = $("p", bubble), form = document.createElement("form"), box = document.createElement("textarea");
    if (busy() || $("form", bubble)) return;
    box.value = text.innerText.trim();
    box.maxLength = 2000;
    box.setAttribute("aria-label", word("edit_label"));
    const buttons = [["submit", "pri", "edit_send"], ["button", "", "edit_cancel"]].map(([type, css, words]) => {
      const one = document.createElement("button");
      one.type = type;
      one.className = "btn " + css;
      one.textContent = word(words);
      return one;
    });
    const end = () => { form.remove(); text.hidden = button.hidden = false; };
    buttons[1].addEventListener("click", () => { end(); button.focus(); });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const question = box.value.trim();
      if (!question || busy()) return;
      end();
      ask("again", {question});
      $("#question").focus({preventScroll: true});
    });
    form.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") { event.stopPropagation(); event.preventDefault(); buttons[1].click(); }
      else if (event.key === "Enter" && !event.shiftKey && event.target === box) { event.preventDefault(); form.requestSubmit(); }
    });
    form.append(box, ...buttons);
    text.hidden = button.hidden = true;
    bubble.append(form);
    box.focus();
  }
  // Paper: one answer with its question and sources, or the article that is open.
  function print(button) {
    const card = button.closest(".a"), side = !card;
    const kept = card ? [card, $$("#thread .u").filter((u) => u.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING).pop()] : [];
    for (const one of kept) if (one) one.classList.add("printed");
    root.classList.add(side ? "print-side" : "print-one");
    window.print();
    root.classList.remove("print-side", "print-one");
    for (const one of kept) if (one) one.classList.remove("printed");
  }
  async function picture(button) {
    const card = button.closest(".a"), bare = $(".ans", card).cloneNode(true);
    for (const chip of $$(".cite", bare)) chip.replaceWith("[" + chip.childNodes[1].textContent + "]");
    const told = {
      brand: $("#bar h1 b").textContent, house: $("#bar h1 .s").textContent, stamp: "问", question: lastQuestion(card),
      answer: [...$$("p", bare), ...$$(".notice", card)].map((p) => p.textContent.trim()),
      sources: $$(".srcs .tip", card).map((one) => [$("b", one).textContent, $("small", one).textContent]),
      date: word("picture_date", {date: new Date().toLocaleDateString(root.lang)}), address: location.host,
      words: {title: word("picture"), save: word("picture_save"), close: word("picture_close")},
    };
    try { await (await import(new URL("ui/picture.js", document.baseURI).href)).show(told, button); }
    catch (failed) { tell(word("picture_failed")); }
  }
  function ask(name, detail) {
    if (busy()) return;
    following = true;
    again = name === "again";
    if (matchMedia(NARROW).matches) { close(); drawer(false); }
    send(name, detail);
  }
  function tab(id) { const one = $('#tabs [role=tablist] [data-tab-id="' + id + '"]'); if (one) one.click(); }
  const DOES = {
    "do-ask": (b) => ask("ask", {question: $("span", b).textContent}),
    "do-edit": (b) => edit(b),
    "do-share-answer": (b) => { b.closest(".a").classList.toggle("sharing"); soon(); },
    "do-message": (b) => copy($(".sms span", b.closest(".a")).textContent, "message"),
    "do-picture": (b) => picture(b),
    "do-print": (b) => print(b),
    "do-read": (b) => say(b),
    "do-only": (b) => {
      const cite = Array.from(b.classList).find((c) => /^c-\d+$/.test(c));
      send("narrow", b.dataset.article ? {article: b.dataset.article} : {cite});
      if (matchMedia(NARROW).matches) close();
      $("#question").focus();
    },
    "do-article": (b) => { current = ""; opener = b; send("open", {article: b.dataset.article}); },
    "do-retry": () => ask("again"),
    "do-builtin": () => ask("again", {engine: "builtin"}),
    "do-unfilter": () => { send("unfilter"); ask("again", {unfiltered: true}); },
    "do-reword": (b) => put(lastQuestion(b.closest(".a"))),
    "do-focus": () => $("#question").focus(),
    "do-library": () => tab("library"),
    "do-copy": (b) => copy(answerText(b.closest(".a")), "copied"),
    "do-say": (b) => say(b),
    "do-why": (b) => { b.closest(".a").classList.toggle("open"); soon(); },
    "do-close": () => close(),
    "do-step": (b) => open(b.dataset.cite),
    "do-cite": () => copy(referenceText(), "cited"),
    "do-drawer": () => drawer(),
    "do-new": () => { hush(); close(); if (matchMedia(NARROW).matches) drawer(false); tab("ask"); send("fresh"); const q = $("#question"); if (q) q.focus(); },
    "do-open": (b) => { hush(); close(); if (matchMedia(NARROW).matches) drawer(false); following = "end"; send("conversation", {key: b.dataset.key}); },
    "do-drop": (b) => send("drop", {key: b.dataset.key}),
    "do-acts": (b) => set(b, "aria-expanded", String(b.closest(".ci").classList.toggle("open"))),
    "do-rename": (b) => rename(b),
    "do-share": (b) => share(b, true),
    "do-unshare": (b) => share(b, false),
    "do-link": (b) => linkTo(b),
    "do-size": () => {
      if (SIZES[size]) root.classList.remove(SIZES[size]);
      size = (size + 1) % SIZES.length;
      if (SIZES[size]) root.classList.add(SIZES[size]);
      remember("size", SIZES[size]);
      soon();
    },
    "do-theme": () => { remember("night", root.classList.toggle("night") ? "1" : "0"); soon(); },
    "do-choose": (b) => send("choose", {article: b.dataset.article}),
    "do-more": () => send("more"),
    ...window.ragPages.does,
    "do-remove": (b) => {
      if (b.classList.contains("sure")) { send("remove", {article: b.dataset.article}); return; }
      b.classList.add("sure");
      $("span", b).textContent = b.dataset.sure;
    },
  };
  document.addEventListener("click", (event) => {
    const at = event.target;
    if (!at.closest || !at.closest("#rag")) return;
    const link = at.closest('#thread a[href^="#c-"]');
    if (link) {
      event.preventDefault();
      if (!link.classList.contains("wait")) open(link.getAttribute("href").slice(1), link);
      return;
    }
    const button = at.closest("button");
    if (button && button.classList.contains("to")) {
      open(Array.from(button.classList).find((c) => /^c-\d+$/.test(c)), button);
      return;
    }
    if (button) {
      const does = Array.from(button.classList).find((c) => c in DOES);
      if (does) DOES[does](button);
      else if (button.classList.contains("submit-button")) { following = true; again = false; }
      return;
    }
    const sentence = at.closest("#thread .st");
    const chip = sentence && !String(getSelection()) && $("a.cite:not(.wait)", sentence);
    if (chip) { open(chip.getAttribute("href").slice(1), chip); return; }
    if (matchMedia(NARROW).matches && !at.closest("#side") && !at.closest("#drawer")) { close() || drawer(false); }
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "question") {
      try { sessionStorage.setItem("rag.draft", event.target.value); } catch (e) { /* a private window keeps nothing */ }
    }
    if (event.target.id !== "in-conversations") return;
    look(event.target.value);
  });

  document.addEventListener("change", (event) => {
    if (event.target.id !== "language") return;
    document.cookie = "rag_language=" + event.target.value + ";path=/;max-age=31536000;samesite=lax";
    location.reload();
  });

  // ---------------------------------------------------------------- keys
  addEventListener("keydown", (event) => {
    if (event.target.closest(".ci input")) return;         // a name is being written
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.isComposing || event.keyCode === 229) {      // an input method is at work: its Enter is not ours
      if (event.key === "Enter") event.stopImmediatePropagation();
      return;
    }
    if (event.key === "Enter" && event.target.id === "question" && !event.shiftKey) {
      if (!event.target.value.trim() || busy()) { event.preventDefault(); event.stopImmediatePropagation(); return; }
      following = true;
      again = false;
    } else if (event.key === "Escape") {
      if (tipped) { tip(null); event.preventDefault(); return; }
      if (close() || drawer(false)) { event.preventDefault(); return; }
      const stop = $("#box .stop-button");
      if (stop) stop.click();
    } else if ((event.key === " " || event.key === "Enter") && event.target.matches("#thread a.cite")) {
      event.preventDefault();
      event.target.click();
    } else if (/^Arrow(Left|Right|Up|Down)$/.test(event.key) && root.classList.contains("source") && !event.target.closest(".pvs")) {
      const back = event.key === "ArrowLeft" || event.key === "ArrowUp";
      const inside = event.target.closest("#side") && /Left|Right/.test(event.key) && !event.altKey;
      if (inside || (event.altKey && /Up|Down/.test(event.key))) { event.preventDefault(); step(back ? -1 : 1); }
    } else if (event.key === "/" && !typing) {
      event.preventDefault();
      $("#question").focus();
    } else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      drawer(true);
    } else if (event.key === "Tab" && matchMedia(NARROW).matches) {
      hold(event);
    }
  }, true);
  // On a phone the sheet and the drawer are dialogs: focus goes round in them.
  function hold(event) {
    const dialog = root.classList.contains("source") ? $("#side .side") : root.classList.contains("drawer") ? $("#drawer .drawer") : null;
    if (!dialog) return;
    const stops = $$("button:not(:disabled),input,[tabindex='0'],a[href]", dialog).filter((e) => e.offsetParent);
    const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
    if (stops.length && (document.activeElement === edge || !dialog.contains(document.activeElement))) {
      event.preventDefault();
      (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
    }
  }

  // ---------------------------------------------------------------- files for the library
  // `upload` is Gradio's; what is too much or too large is said without being sent.
  function dropZone(element, upload) {
    const input = $("input", element), told = $(".sending", element), limits = $(".drop", element).dataset;
    const folder = $("input[webkitdirectory]", element);
    const seen = (name) => !/^(\.|~\$)/.test(name) && !["Thumbs.db", "desktop.ini", "__MACOSX"].includes(name);
    async function take(list) {       // [{file, name}]: of a folder's files the name is the path from the folder on
      const sent = [], inside = list.some((one) => one.name.includes("/"));
      const most = Number(inside ? limits.folder : limits.most);
      if (inside && list.length > most) {
        told.textContent = word("large_folder", {n: list.length, most});
        input.value = folder.value = "";
        return;
      }
      for (const [i, {file, name}] of list.entries()) {
        const fault = i >= most ? "too_many" : file.size > Number(limits.bytes) ? "too_large" : "";
        if (fault) { sent.push({name, fault}); continue; }
        told.textContent = word("sending", {name: inside ? `${i + 1} / ${list.length} ${name}` : name});
        try { sent.push({name, path: (await upload(file)).path}); }
        catch (failed) { sent.push({name, fault: "not_sent"}); }
      }
      told.textContent = "";
      input.value = folder.value = "";
      if (sent.length) send("given", {files: sent});
    }
    async function below(entry) {     // a folder that was dropped is read some files at a time, until none comes
      const name = entry.fullPath.replace(/^\//, "");
      if (entry.isFile) return [{file: await new Promise((is, not) => entry.file(is, not)), name}];
      const all = [], reader = entry.createReader();
      for (;;) {
        const some = await new Promise((is, not) => reader.readEntries(is, not));
        if (!some.length) return all;
        for (const one of some) if (seen(one.name)) all.push(...await below(one));
      }
    }
    const chosen = (list) => Array.from(list, (file) => ({file, name: file.webkitRelativePath || file.name}))
      .filter((one) => !one.name.includes("/") || one.name.split("/").every(seen));
    async function dropped(data) {
      const entries = Array.from(data.items || [], (item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
      if (!entries.some((entry) => entry.isDirectory)) return take(chosen(data.files));
      try { await take((await Promise.all(entries.map(below))).flat()); }
      catch (failed) { told.textContent = word("no_folder"); }
    }
    input.addEventListener("change", () => take(chosen(input.files)));
    folder.addEventListener("change", () => take(chosen(folder.files)));
    element.addEventListener("dragover", (e) => { e.preventDefault(); element.classList.add("over"); });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", (e) => { e.preventDefault(); element.classList.remove("over"); dropped(e.dataTransfer); });
  }

  // ---------------------------------------------------------------- beginning
  window.rag = {opened, word, dropZone};
  document.addEventListener("DOMContentLoaded", () => {
    for (const [id, role] of [["rag-told", "status"], ["rag-net", "alert"]]) {
      const line = document.createElement("div");
      line.id = id;
      line.setAttribute("role", role);
      document.body.append(line);
    }
    const bubble = document.createElement("div");
    bubble.id = "rag-tip";
    bubble.hidden = true;
    bubble.setAttribute("role", "tooltip");
    document.body.append(bubble);
    new MutationObserver(() => { supersede(); soon(); }).observe(document.body, {childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["class", "aria-live", "aria-label"]});
  });
})();
