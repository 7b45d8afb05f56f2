# nested
