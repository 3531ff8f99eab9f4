package e2e

import (
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// watchFocus notes what a keyboard has still to reach, and what does not show that it has the focus. Of
// radio buttons with one name the arrows reach all but one. It returns how much there is to reach.
const watchFocus = `(() => {
	const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")];
	window.unreached = new Set(all.filter(e => !e.disabled && e.type !== "radio" && e.checkVisibility({visibilityProperty: true})));
	window.unshown = new Set();
	document.activeElement.blur();
	document.addEventListener("focusin", ({target}) => {
		unreached.delete(target);
		const style = getComputedStyle(target);
		if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) unshown.add(target);
	});
	return unreached.size;
})()`

const unreached = `[...unreached].filter(e => e.isConnected && e.checkVisibility()).map(e => e.outerHTML.slice(0, 120))`

// tabsMax is how often Tab is pressed for each thing that it must reach: a date has four parts.
const tabsMax = 5

// walk presses Tab until the keyboard has been everywhere on the page.
func (b *tab) walk() error {
	count, err := ask[int](b, watchFocus)
	var left []string
	for presses := 0; err == nil && presses <= count*tabsMax; presses += count + 1 {
		if err = chromedp.Do(b.ctx, chromedp.KeyEvent(strings.Repeat(kb.Tab, count+1))); err == nil {
			left, err = ask[[]string](b, unreached)
		}
		if err == nil && len(left) == 0 {
			break
		}
	}
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the keyboard does not reach %s", strings.Join(left, ", "))
	}
	if err != nil {
		return err
	}
	if unshown, err := ask[[]string](b, `[...unshown].map(e => e.outerHTML.slice(0, 120))`); err != nil || len(unshown) > 0 {
		return fmt.Errorf("nobody sees where the keyboard is at %s: %w", strings.Join(unshown, ", "), err)
	}
	return nil
}
