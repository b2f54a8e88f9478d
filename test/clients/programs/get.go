// get URL [own]: `own` takes a transport, or a dialer, that reads no variables.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	url, own := os.Args[1], len(os.Args) > 2
	if err := get(url, own); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func get(url string, own bool) error {
	if strings.HasPrefix(url, "ws") {
		return say(url, own)
	}
	client := http.Client{Timeout: 20 * time.Second}
	if own {
		client.Transport = &http.Transport{}
	}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", answer.Status)
	}
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

func say(url string, own bool) error {
	dialer := websocket.DefaultDialer
	if own {
		dialer = &websocket.Dialer{}
	}
	socket, _, err := dialer.Dial(url, nil)
	if err != nil {
		return err
	}
	defer socket.Close()
	if err := socket.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		return err
	}
	_, said, err := socket.ReadMessage()
	fmt.Println(string(said))
	return err
}
