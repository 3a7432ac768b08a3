// Whether this browser should notify: what the person wished for here, and what the browser allows.
import { useCallback, useState } from "react";

const KEY = "muster.notifications";

export type NotificationWish = "on" | "off" | "blocked" | "unsupported";

export function currentWish(): NotificationWish {
  if (!("Notification" in window)) return "unsupported";
  if (Notification.permission === "denied") return "blocked";
  try {
    return Notification.permission === "granted" && localStorage.getItem(KEY) === "on" ? "on" : "off";
  } catch {
    // Storage is denied, so no wish can be kept.
    return "off";
  }
}

/** Turning them on asks the browser, which asks the person. */
export function useNotificationWish(): { wish: NotificationWish; toggle: () => Promise<void> } {
  const [wish, setWish] = useState(currentWish);
  const toggle = useCallback(async (): Promise<void> => {
    const isOn = currentWish() === "on";
    if (!isOn && Notification.permission === "default") await Notification.requestPermission();
    localStorage.setItem(KEY, isOn ? "off" : "on");
    setWish(currentWish());
  }, []);
  return { wish, toggle };
}
