// Where the focus goes back to when a dialog closes: to what had it, or, where that was an item of a menu that is gone by
// then, to the button of the menu.

/** Call it before the dialog opens, and what it returns when the dialog has closed. */
export function holdFocus(): () => void {
  const { activeElement } = document;
  const menu = activeElement?.closest("[role=menu]")?.getAttribute("aria-labelledby");
  const origin = menu === null || menu === undefined ? activeElement : document.getElementById(menu);
  return () => {
    if (origin instanceof HTMLElement && origin.isConnected) origin.focus({ preventScroll: true });
  };
}
