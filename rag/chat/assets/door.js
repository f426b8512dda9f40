/* Signing in and out: light and dark on the sign-in page; on the page itself the way out, and what to do where the
   server asks to wait or to sign in again. */
(function () {
  "use strict";
  const root = document.documentElement;
  function remembered(name) { try { return localStorage.getItem("rag." + name); } catch (e) { return null; } }
  const night = remembered("night");
  if (night === "1" || (night === null && matchMedia("(prefers-color-scheme:dark)").matches)) root.classList.add("night");
  if (["big", "huge"].includes(remembered("size"))) root.classList.add(remembered("size"));

  const mark = document.querySelector("meta[name=rag-person]");
  if (!mark) return;
  const words = mark.dataset;

  function wayOut() {
    const tools = document.querySelector("#bar .tools");
    if (!tools || tools.querySelector(".leave") || !mark.content) return;
    const form = document.createElement("form"), button = document.createElement("button");
    form.className = "leave";
    form.method = "post";
    form.action = "sign-out";
    button.className = "btn ghost";
    button.textContent = words.out;
    button.title = mark.content;
    button.setAttribute("aria-label", words.out + "：" + mark.content);
    form.append(button);
    tools.append(form);
  }
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(wayOut).observe(document.body, {childList: true, subtree: true});
  });

  const fetched = window.fetch;
  window.fetch = async function (...asked) {
    const answer = await fetched.apply(this, asked);
    if (answer.status === 429) tell(words.wait.replace("{seconds}", answer.headers.get("Retry-After") || "60"));
    if (answer.status === 401) {
      tell(words.again);
      setTimeout(() => location.reload(), 1500);
    }
    return answer;
  };
  function tell(text) {
    const told = document.getElementById("rag-told");
    if (!told) return;
    told.textContent = text;
    setTimeout(() => { if (told.textContent === text) told.textContent = ""; }, 8000);
  }
})();
