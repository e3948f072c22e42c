// What every page does: copies what stands before a copy button, and opens what an address leads into.
"use strict";
(() => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy > button");
    if (!button) return;
    const source = button.parentElement.firstElementChild;
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "selected";
    }
  });
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let around = target; around; around = around.parentElement) {
      if (around.tagName === "DETAILS") around.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
})();
